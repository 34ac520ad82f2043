"""Machine code of handlers on disk, one file a handler.

Numba's own cache can't hold handlers: its key is the function's bytecode and closure, and a closure over another
compiled function hashes differently in every process. It also keeps one index for all specialisations of a function,
in which two processes that compile different ones at once can overwrite each other's entry. Here the key says
everything, a file holds one entry and is replaced atomically.

Nothing in a file is run before it is known to be what this user, or root, has put there: folders and files to which
others can write are refused (`ownership`), and a file is plain data, a header in JSON and an object file, with a
checksum in front.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import config
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from brainevent_core.errors import BackendWarning
from brainevent_core.plugins import KernelCache

from .kernel import NativeKernel
from .ownership import file_fault, folder_fault, make_folder

__all__ = ["SIZE_LIMIT", "cache_folder", "handler_key", "load", "save", "state"]

#: How many bytes the files may have together. When there are more, those that weren't used for longest go.
SIZE_LIMIT = 256 * 2**20

_SUFFIX = ".handler"
_MAGIC = b"brainevent handler 1\n"
_LARGEST_FILE = 16 * 2**20
_DAY = 24 * 3600.0

# Modules of the bridge that leave the machine code as it is.
_NO_CODE = ("cache.py", "call.py", "kernel.py", "ownership.py", "selftest.py")
_BRIDGE = tuple(str(path) for path in Path(__file__).parent.glob("*.py") if path.name not in _NO_CODE)

# The settings of Numba on which machine code depends, beside those that change the processor's name and features.
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

_warned: set[str] = set()


class Code(NamedTuple):
    """The machine code of a handler.

    Attributes:
      entry: the symbol of the handler.
      needs: the symbols that it expects in the process.
      content: an object file.
    """

    entry: str
    needs: tuple[str, ...]
    content: bytes


# -- where -------------------------------------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Where handlers are kept: in `BRAINEVENT_CACHE_DIR`, else under `NUMBA_CACHE_DIR`, else in the user's cache
    folder. None if there is no home, and so no such folder."""
    own = os.environ.get("BRAINEVENT_CACHE_DIR")
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(own) if own else (Path(root) if root else Path.home() / ".cache") / "brainevent"
    except RuntimeError:
        return None
    return base.absolute() / "handlers"


def _trusted_folder(*, make: bool = False) -> Path | None:
    """The folder, if it exists (or can be made) and nobody else can write to it; warns if others can."""
    folder = cache_folder()
    if folder is None:
        return None
    try:
        fault = (make_folder(folder) if make else None) or folder_fault(folder)
    except OSError:
        return None
    if fault is None:
        return folder
    _warn_once(
        f"brainevent keeps no machine code in {folder}: {fault}. Kernels are compiled in every process instead. Set "
        "BRAINEVENT_CACHE_DIR to a folder to which nobody else can write."
    )
    return None


def state() -> KernelCache:
    """Where the folder is, what is wrong with it, and what there is in it."""
    folder = cache_folder()
    if folder is None:
        return KernelCache(folder=None, fault="there is no home folder; set BRAINEVENT_CACHE_DIR")
    files: list[_File] = []
    try:
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        fault = folder_fault(there, for_folders=there != folder)
        if fault is None and not os.access(there, os.W_OK):
            fault = f"{there} can't be written"
        files = _files(folder) if there == folder else []
    except OSError as error:
        fault = f"{folder} can't be used ({error})"
    return KernelCache(folder=folder, fault=fault, files=len(files), size=sum(file.size for file in files))


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, BackendWarning, stacklevel=2)


# -- under which name --------------------------------------------------------------------------------------------------


def handler_key(kernel: NativeKernel, arguments: tuple[Any, ...]) -> str:
    """A hash of all that determines a handler's machine code, and of nothing else."""
    facts = (kernel.name, kernel.threads, kernel.returns_status, kernel.must_write, sorted(kernel.messages.items()))
    digest = hashlib.sha256(repr((*facts, *arguments, *_toolchain())).encode())
    # In an order that doesn't depend on where packages are installed.
    for content in sorted(_content_hash(source, *_stamp(source)) for source in (*_BRIDGE, *kernel.sources)):
        digest.update(content)
    return digest.hexdigest()


def _toolchain() -> tuple[str, ...]:
    triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
    return (
        f"numba {numba.__version__}",
        f"llvmlite {llvmlite.__version__} {llvm.llvm_version_info}",
        # What Numba makes of a function depends on its bytecode, and what it makes of arrays on NumPy's promotion.
        f"python {sys.implementation.cache_tag}",
        f"numpy {'.'.join(np.__version__.split('.')[:2])}",
        # Some systems name their release in the triple.
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
    """A handler in this process; `engine` holds its memory."""

    address: int
    engine: Any


def load(key: str) -> Loaded | None:
    """The handler of this key, ready to be called; None if there is none that can be used."""
    folder = _trusted_folder()
    code = _read(folder / f"{key}{_SUFFIX}", key) if folder is not None else None
    return None if code is None else _link(code)


def save(key: str, library: Any, entry: str) -> None:
    """Keep a compiled handler, where its folder can be written and it has no addresses of this process.

    Args:
      key: of the handler.
      library: what Numba has compiled.
      entry: the symbol of the handler.
    """
    folder = None if library.has_dynamic_globals else _trusted_folder(make=True)
    if folder is None:
        return
    _, _, (content, _) = library.serialize_using_object_code()
    with contextlib.suppress(OSError):
        _write(folder / f"{key}{_SUFFIX}", key, Code(entry, _external_symbols(library), content))
        _prune(folder)


def _read(path: Path, key: str) -> Code | None:
    """The contents of a file, None if there is none or it isn't whole. Files that others could have written aren't
    opened."""
    try:
        found = os.lstat(path)
        fault = file_fault(path, found)
        if fault is not None:
            _warn_once(f"brainevent doesn't use the machine code in a file: {fault}. It is compiled again.")
            return None
        with open(path, "rb", opener=_opened_as_it_is) as file:
            content = file.read(_LARGEST_FILE)
    except OSError:
        return None
    if time.time() - found.st_mtime > _DAY / 24:
        # Which were used last is what pruning goes by. The times of access, of many file systems, don't say.
        with contextlib.suppress(OSError):
            os.utime(path)
    return _decoded(content, key)


def _opened_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _encoded(key: str, code: Code) -> bytes:
    header = json.dumps({"key": key, "entry": code.entry, "needs": code.needs}).encode()
    rest = header + b"\n" + code.content
    return _MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _decoded(content: bytes, key: str) -> Code | None:
    magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
    checksum, _, rest = rest.partition(b"\n")
    if magic != _MAGIC or hashlib.sha256(rest).hexdigest().encode() != checksum:
        return None
    header, _, code = rest.partition(b"\n")
    try:
        fields = json.loads(header)
        return Code(fields["entry"], tuple(fields["needs"]), code) if fields["key"] == key else None
    except (ValueError, KeyError, TypeError):
        return None


def _write(path: Path, key: str, code: Code) -> None:
    """Replace a file at once, so that another process sees the old one or the new one. `mkstemp` makes it 0600."""
    handle, temporary = tempfile.mkstemp(prefix="new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_encoded(key, code))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


class _File(NamedTuple):
    used: float
    size: int
    path: Path


def _files(folder: Path, chosen: Callable[[str], bool] = lambda name: name.endswith(_SUFFIX)) -> list[_File]:
    """Files in a folder; those that vanish meanwhile are left out."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                stamp = entry.stat(follow_symlinks=False)
                if chosen(entry.name) and stat.S_ISREG(stamp.st_mode):
                    found.append(_File(stamp.st_mtime, stamp.st_size, Path(entry.path)))
    return found


def _prune(folder: Path) -> None:
    """Remove what hasn't been used for longest, until `SIZE_LIMIT` holds, and what killed processes left behind."""
    unfinished = _files(folder, lambda name: name.startswith("new-"))
    surplus = [file for file in unfinished if file.used < time.time() - _DAY]
    files = sorted(_files(folder))
    left = sum(file.size for file in files)
    for file in files:
        if left <= SIZE_LIMIT:
            break
        surplus.append(file)
        left -= file.size
    for file in surplus:
        with contextlib.suppress(OSError):
            file.path.unlink()


# -- machine code ------------------------------------------------------------------------------------------------------


def _external_symbols(library: Any) -> tuple[str, ...]:
    """What the machine code expects to find in the process, apart from LLVM's own functions."""
    functions = library._final_module.functions
    return tuple(f.name for f in functions if f.is_declaration and not f.name.startswith("llvm."))


def _link(code: Code) -> Loaded | None:
    """Machine code in executable memory, None if it needs what this process doesn't have: LLVM would abort.

    Each handler gets an engine of its own, so that no symbol of one can be taken for that of another.
    """
    from . import thread_limit  # noqa: F401 (defines a symbol)

    rtsys.initialize(cpu_target.target_context)
    if not all(map(llvm.address_of_symbol, code.needs)):
        # Imports all implementations of Numba (1 s), for the symbols that they define. Kernels rarely need any.
        cpu_target.target_context.refresh()
    if not all(map(llvm.address_of_symbol, code.needs)):
        return None
    module = llvm.parse_assembly("")
    module.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(module, llvm.Target.from_triple(module.triple).create_target_machine())
    try:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
    except RuntimeError:
        return None
    engine.finalize_object()
    address = engine.get_function_address(code.entry)
    return Loaded(address, engine) if address else None
