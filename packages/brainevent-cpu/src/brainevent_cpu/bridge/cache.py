"""Machine code of handlers on disk, one file per handler.

Numba's own cache can't hold handlers: its key is the function's bytecode and closure, and a closure over another
compiled function hashes differently in every process. It also keeps one index for all specialisations of a function,
in which two processes that compile different ones concurrently can overwrite each other's entries. Here the key
contains everything, and `store` manages the files.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import config
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from brainevent_core.plugins import KernelCache

from .kernel import NativeKernel
from .store import Entry, Store

__all__ = ["handler_key", "load", "save", "state"]

_STORE = Store("handlers", "handler")

# Modules of the bridge that don't affect machine code.
_NO_CODE = ("cache.py", "call.py", "kernel.py", "ownership.py", "selftest.py", "store.py")
_BRIDGE = tuple(str(path) for path in Path(__file__).parent.glob("*.py") if path.name not in _NO_CODE)

# The settings of Numba that affect machine code, besides those that change the processor's name and features.
_SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DEBUG_JIT",
    "DEBUG_NRT",
    "DISABLE_INTEL_SVML",
    "DISABLE_JIT",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
    "USE_LEGACY_TYPE_SYSTEM",
    "USE_RVSDG_FRONTEND",
    "USING_SVML",
)

# -- keys --------------------------------------------------------------------------------------------------------------


def handler_key(kernel: NativeKernel, arguments: tuple[Any, ...]) -> str:
    """A hash of everything that determines a handler's machine code, and of nothing else."""
    facts = (kernel.name, kernel.threads, kernel.returns_status, kernel.must_write, sorted(kernel.messages.items()))
    digest = hashlib.sha256(repr((*facts, *arguments, *_toolchain())).encode())
    # Sorted, so that the order doesn't depend on where packages are installed.
    for content in sorted(_content_hash(source, *_stamp(source)) for source in (*_BRIDGE, *kernel.sources)):
        digest.update(content)
    return digest.hexdigest()


def _toolchain() -> tuple[str, ...]:
    triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
    return (
        f"numba {numba.__version__}",
        f"llvmlite {llvmlite.__version__} {llvm.llvm_version_info}",
        # Numba's code depends on the bytecode of a function, and on the type promotion of NumPy.
        f"python {sys.implementation.cache_tag}",
        f"numpy {'.'.join(np.__version__.split('.')[:2])}",
        # The triple of some systems contains their release.
        re.sub(r"(?<=[a-z])[\d.]+$", "", triple),
        processor,
        features,
        *(f"{name}={getattr(config, name, None)}" for name in _SETTINGS),
    )


def _stamp(source: str) -> tuple[int, int]:
    found = os.stat(source)
    return found.st_mtime_ns, found.st_size


@functools.cache
def _content_hash(source: str, modified: int, size: int) -> bytes:
    return hashlib.sha256(Path(source).read_bytes()).digest()


# -- reading and writing -----------------------------------------------------------------------------------------------


class Loaded(NamedTuple):
    """A handler in this process; `engine` owns its memory."""

    address: int
    engine: Any


def load(key: str) -> Loaded | None:
    """The handler of a key, ready to be called; None if there is no usable one."""
    found = _STORE.read(key)
    return None if found is None else _link(found)


def save(key: str, library: Any, entry: str) -> None:
    """Store a compiled handler, if its folder is writable and its code contains no addresses of this process.

    Args:
      key: the key of the handler.
      library: Numba's library with its code.
      entry: the symbol of the handler.
    """
    if library.has_dynamic_globals:
        return
    _, _, (content, _) = library.serialize_using_object_code()
    _STORE.write(key, Entry({"entry": entry, "needs": _external_symbols(library)}, content))


def state() -> KernelCache:
    """Where handlers are stored, what is wrong with the folder, and how much it contains."""
    return _STORE.state()


# -- machine code ------------------------------------------------------------------------------------------------------


def _external_symbols(library: Any) -> tuple[str, ...]:
    """The symbols that the machine code needs from the process, except LLVM's own functions."""
    functions = library._final_module.functions
    return tuple(f.name for f in functions if f.is_declaration and not f.name.startswith("llvm."))


def _link(code: Entry) -> Loaded | None:
    """Link machine code in executable memory; None if it needs symbols that this process lacks, for which LLVM would
    abort.

    Each handler gets its own engine, so that symbols of one can't be confused with those of another.
    """
    from . import thread_limit  # noqa: F401 (defines a symbol)

    rtsys.initialize(cpu_target.target_context)
    if not all(map(llvm.address_of_symbol, code.fields["needs"])):
        # Imports all of Numba's implementations (1 s), for the symbols that they define. Kernels rarely need any.
        cpu_target.target_context.refresh()
    if not all(map(llvm.address_of_symbol, code.fields["needs"])):
        return None
    module = llvm.parse_assembly("")
    module.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(module, llvm.Target.from_triple(module.triple).create_target_machine())
    try:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
    except RuntimeError:
        return None
    engine.finalize_object()
    address = engine.get_function_address(code.fields["entry"])
    return Loaded(address, engine) if address else None
