"""Names that have changed or gone since the releases 0.0.5 to 0.2.1: two tables, and the look-up in them.

``docs/migration.md`` shows both tables.
"""

import sys
import warnings
from typing import Any

__all__ = ["LEFT_OUT", "RENAMED", "look_up"]

#: Old name → the name that does the same now. The old ones work, with a DeprecationWarning.
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

_KERNEL_LANGUAGES = "write an operator with XLACustomKernel, or ship a backend as a package"
_BINARY_ENCODED = "wrap the events in {}, and call the binary_ function, or multiply with @"
_NO_COMPILERS = "kernels are compiled by Numba, Warp and Pallas; there is no C++ or CUDA compiler to configure"

#: Names that are gone on purpose → what to do instead.
LEFT_OUT = {
    "binary_csrmv_indexed": "give the matrix an index, with_csc_index(), and multiply with @",
    "binary_csrmm_indexed": "give the matrix an index, with_csc_index(), and multiply with @",
    "bitpack_binary_fcnmv": _BINARY_ENCODED.format("BitPackedBinary"),
    "bitpack_binary_fcnmm": _BINARY_ENCODED.format("BitPackedBinary"),
    "compact_binary_fcnmv": _BINARY_ENCODED.format("CompactBinary"),
    "compact_binary_fcnmm": _BINARY_ENCODED.format("CompactBinary"),
    "JITCScalarMatrix": "check for JITCMatrix, or for JITCScalarR, of which JITCScalarC is a subclass",
    "CscLayout": "CSC is a matrix of its own, and CSR.with_csc_index() carries an index",
    "EllLayout": "use FixedPostNumConn",
    "init_csr_config": "nothing has to be configured; with_csc_index() asks for the index",
    "get_hybrid_config": "kernels choose at run time",
    "HybridConfig": "kernels choose at run time",
    "load_cpp_file": _KERNEL_LANGUAGES,
    "load_cpp_inline": _KERNEL_LANGUAGES,
    "load_cuda_dir": _KERNEL_LANGUAGES,
    "load_cuda_file": _KERNEL_LANGUAGES,
    "load_cuda_inline": _KERNEL_LANGUAGES,
    "register_ffi_target": _KERNEL_LANGUAGES,
    "list_registered_targets": "`brainevent info` lists kernels",
    "print_diagnostics": "use `brainevent info`",
    "CPPBackend": _NO_COMPILERS,
    "CUDABackend": _NO_COMPILERS,
    "HIPBackend": _NO_COMPILERS,
    "CompiledModule": _NO_COMPILERS,
    "CompilerBackend": _NO_COMPILERS,
    "PallasLFSRRNG": "random connectivity has a stream of its own, the same on every backend",
    "PallasLFSR88RNG": "random connectivity has a stream of its own, the same on every backend",
    "PallasLFSR113RNG": "random connectivity has a stream of its own, the same on every backend",
    "PallasLFSR128RNG": "random connectivity has a stream of its own, the same on every backend",
    "get_pallas_lfsr_rng_class": "random connectivity has a stream of its own, the same on every backend",
    "BenchmarkConfig": "use `hatch run bench` in the repository",
    "BenchmarkRecord": "use `hatch run bench` in the repository",
    "BenchmarkResult": "use `hatch run bench` in the repository",
    "benchmark_function": "use `hatch run bench` in the repository",
}


def look_up(name: str, module: str) -> Any:
    """What ``module.name`` is if ``name`` is an old one; for the ``__getattr__`` of a module.

    Raises:
        AttributeError: if there is no such name; it says what to do if it is one that is gone.
    """
    new = RENAMED.get(name)
    if new is not None:
        # Behind this function and the module's `__getattr__`: the line that used the name.
        warnings.warn(
            f"{module}.{name} is now called {module}.{new}; the old name will go.", DeprecationWarning, stacklevel=3
        )
        return getattr(sys.modules[module], new)
    instead = LEFT_OUT.get(name) or LEFT_OUT.get(name.removesuffix("_p"))
    if instead is not None:
        raise AttributeError(f"{module} no longer has {name!r}: {instead}.", name=name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
