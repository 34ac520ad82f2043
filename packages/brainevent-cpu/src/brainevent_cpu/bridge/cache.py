"""Machine code of handlers on disk, one file a handler.

Numba's own cache can't hold handlers: its key is the function's bytecode and closure, and a closure over another
compiled function hashes differently in every process. It also keeps one index for all specialisations of a function,
in which two processes that compile different ones at once can overwrite each other's entry. Here the key says
everything, a file holds one entry and is replaced atomically.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite.binding import address_of_symbol
from numba.core import compiler
from numba.core.caching import NullCache
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from .kernel import NativeKernel

_BRIDGE = tuple(str(path) for path in sorted(Path(__file__).parent.glob("*.py")))


def cache_directory() -> Path | None:
    """Where handlers are kept: under `NUMBA_CACHE_DIR`, else the user's cache folder; None if it can't be written."""
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        directory = (Path(root) if root else Path.home() / ".cache") / "brainevent" / "handlers"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return directory if os.access(directory, os.W_OK) else None


def handler_key(kernel: NativeKernel, arguments: tuple[Any, ...]) -> str:
    """A hash of all that determines a handler's machine code."""
    facts = (kernel.name, kernel.threads, kernel.returns_status, kernel.must_write, sorted(kernel.messages.items()))
    parts = (*facts, *map(str, arguments), *_toolchain())
    digest = hashlib.sha256(repr(parts).encode())
    for source in (*_BRIDGE, *kernel.sources):
        stamp = os.stat(source)
        digest.update(_content_hash(source, stamp.st_mtime_ns, stamp.st_size))
    return digest.hexdigest()


@functools.cache
def _toolchain() -> tuple[str, ...]:
    flags = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    magic = cpu_target.target_context.codegen().magic_tuple()
    return (numba.__version__, llvmlite.__version__, sys.version, platform.platform(), repr(magic), *flags)


@functools.cache
def _content_hash(source: str, modified: int, size: int) -> bytes:
    return hashlib.sha256(Path(source).read_bytes()).digest()


def _external_symbols(library: Any) -> tuple[str, ...]:
    """What the machine code expects to find in the process, apart from LLVM's own functions."""
    functions = library._final_module.functions
    return tuple(f.name for f in functions if f.is_declaration and not f.name.startswith("llvm."))


class HandlerCache(NullCache):
    """The cache of a single handler, in the form in which Numba's `CFunc` asks for one."""

    def __init__(self, key: str) -> None:
        directory = cache_directory()
        self._path = directory / f"{key}.pickle" if directory else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled handler, or None. A file that can't be read is as good as none."""
        if self._path is None:
            return None
        try:
            symbols, payload = pickle.loads(self._path.read_bytes())
            # Numba would import all of its implementations before it loads machine code (1 s), for the symbols they
            # define. Kernels rarely need any, and a missing one would abort the process.
            rtsys.initialize(target_context)
            if not all(map(address_of_symbol, symbols)):
                target_context.refresh()
            return compiler.CompileResult._rebuild(target_context, *payload)
        except Exception:  # a damaged pickle can raise anything
            return None

    def save_overload(self, sig: Any, result: Any) -> None:
        """Store a compiled handler, unless it contains addresses of this process."""
        if self._path is None or result.library.has_dynamic_globals:
            return
        with contextlib.suppress(OSError):
            handle, temporary = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(dumps((_external_symbols(result.library), result._reduce())))
            os.replace(temporary, self._path)
