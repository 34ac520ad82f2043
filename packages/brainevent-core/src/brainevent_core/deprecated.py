"""Names that were changed or removed since the releases 0.0.5 to 0.3.0, in two tables with a look-up; and suggestions
for misspelt names.

``docs/migration.md`` shows both tables.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable
from typing import Any

__all__ = ["LEFT_OUT", "RENAMED", "look_up", "meant", "no_such_name"]

#: Old name → new name. Old names still work, with a DeprecationWarning.
RENAMED = {
    "JITCHomoC": "JITCScalarC",
    "JITCHomoR": "JITCScalarR",
    "coo_on_post": "update_coo_on_binary_post",
    "coo_on_pre": "update_coo_on_binary_pre",
    "csr2csc_on_post": "update_csr_on_binary_post",
    "csr_on_pre": "update_csr_on_binary_pre",
    "dense_on_post": "update_dense_on_binary_post",
    "dense_on_pre": "update_dense_on_binary_pre",
}

# What to use instead of names that were removed on purpose.
_INSTEAD = {
    "give the matrix an index, with_csc_index(), and multiply with @": (
        "binary_csrmv_indexed",
        "binary_csrmm_indexed",
    ),
    "wrap the events in BitPackedBinary, and call the binary_ function, or multiply with @": (
        "bitpack_binary_fcnmv",
        "bitpack_binary_fcnmm",
    ),
    "wrap the events in CompactBinary, and call the binary_ function, or multiply with @": (
        "compact_binary_fcnmv",
        "compact_binary_fcnmm",
    ),
    "use CSR, with with_csc_index() for both directions; rows need not be sorted, and kernels choose their own tiles": (
        "TCSR",
        "CscLayout",
        "EllLayout",
    ),
    "check for JITCMatrix, or for JITCScalarR, of which JITCScalarC is a subclass": ("JITCScalarMatrix",),
    "kernels choose at run time, without configuration": (
        "HybridConfig",
        "get_hybrid_config",
        "init_csr_config",
    ),
    "set the environment variable BRAINEVENT_CACHE_DIR to choose the folder of compiled kernels": (
        "clear_cache",
        "get_cache_dir",
        "set_cache_dir",
    ),
    "random connectivity uses its own random stream, which is the same on every backend": (
        "PallasLFSRRNG",
        "PallasLFSR88RNG",
        "PallasLFSR113RNG",
        "PallasLFSR128RNG",
        "get_pallas_lfsr_rng_class",
    ),
    "declare an operator with XLACustomKernel, or ship a backend as a package": (
        "load_cpp_file",
        "load_cpp_inline",
        "load_cuda_dir",
        "load_cuda_file",
        "load_cuda_inline",
        "numba_cuda_callable",
        "numba_cuda_kernel",
        "register_ffi_target",
    ),
    "no C++ or CUDA compiler has to be configured; backends include their kernels": (
        "CPPBackend",
        "CUDABackend",
        "HIPBackend",
        "CompiledModule",
        "CompilerBackend",
    ),
    "catch BrainEventError, or KernelCompilationError and KernelNotAvailableError": (
        "CUDANotInstalledError",
        "CompilationError",
        "GpuArchDetectionError",
        "HeaderNotFoundError",
        "HostCompilerIncompatibleError",
        "HostCompilerNotFoundError",
        "KernelError",
        "KernelExecutionError",
        "KernelLoadError",
        "KernelToolchainError",
        "NvccNotFoundError",
        "UnsupportedArchError",
    ),
    "catch RegistrationError": ("KernelRegistrationError",),
    "call yw_to_w of the matrix": ("jitsmv_dt2t", "jitnmv_dt2t", "jitumv_dt2t"),
    "kernels are registered with XLACustomKernel, or by a backend": ("KernelEntry", "normalize_tokens"),
    "`brainevent info` lists backends and kernels": ("list_registered_targets", "print_diagnostics"),
    "use `hatch run bench` in the repository": (
        "BenchmarkConfig",
        "BenchmarkRecord",
        "BenchmarkResult",
        "BenchmarkDataFnNotProvidedError",
        "benchmark_function",
    ),
}

#: Names that were removed on purpose → what to do instead.
LEFT_OUT = {name: instead for instead, names in _INSTEAD.items() for name in names}


def look_up(name: str, module: str) -> Any:
    """The object that an old name of a module refers to now; for the ``__getattr__`` of a module.

    Raises:
        AttributeError: if there is no such name; with advice if it was removed.
    """
    new = RENAMED.get(name)
    if new is not None:
        # The level of the line that used the name, outside this function and the module's `__getattr__`.
        warnings.warn(
            f"{module}.{name} is now called {module}.{new}; the old name will be removed.",
            DeprecationWarning,
            stacklevel=3,
        )
        return getattr(sys.modules[module], new)
    instead = LEFT_OUT.get(name) or LEFT_OUT.get(name.removesuffix("_p"))
    if instead is None and name.endswith("_p"):
        # The old packages had a primitive for each function, and a few more.
        instead = "all products use the primitives `matmul` and `sddmm` of brainevent_core.primitives; call them with @"
    if instead is not None:
        raise AttributeError(f"{module} no longer has {name!r}: {instead}.", name=name)
    raise no_such_name(module, name)


def no_such_name(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have, with the public name that may have been meant."""
    fault = f"module {module!r} has no attribute {name!r}"
    public = [known for known in getattr(sys.modules[module], "__all__", ()) if not known.startswith("_")]
    return AttributeError(fault + meant(name, public), name=name)


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for a misspelt name; empty if no known name is similar."""
    plain = {each.lower().replace("_", ""): each for each in known}
    close = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1, cutoff=0.7)
    return f"; did you mean {plain[close[0]]!r}?" if close and not name.startswith("_") else ""
