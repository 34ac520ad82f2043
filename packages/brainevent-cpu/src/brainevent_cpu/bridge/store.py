"""Files in which a backend stores compiled kernels for later processes, one file per key.

A file is used only if nobody but this user and root can have written it: folders and files to which others can write
are refused (`ownership`). It contains plain data: a checksum, a header in JSON, and the content. A file holds one
entry and is replaced atomically, so that processes can share the folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from brainevent_core.errors import BackendWarning
from brainevent_core.plugins import KernelCache

from .ownership import file_fault, folder_fault, make_folder

__all__ = ["SIZE_LIMIT", "Entry", "Store"]

#: The maximum total size of the files of a store, in bytes. Beyond it, the least recently used files are removed.
SIZE_LIMIT = 256 * 2**20

_LARGEST_FILE = 16 * 2**20
_DAY = 24 * 3600.0

_warned: set[str] = set()


class Entry(NamedTuple):
    """The contents of a file: `fields`, which JSON can represent, and bytes."""

    fields: Mapping[str, Any]
    content: bytes


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder of such files.

    Attributes:
      name: the name of the folder, in the folder of brainevent's caches.
      kind: the kind of the files, a word, which is their suffix.
    """

    name: str
    kind: str

    @property
    def suffix(self) -> str:
        return f".{self.kind}"

    @property
    def folder(self) -> Path | None:
        """In `BRAINEVENT_CACHE_DIR`, else under `NUMBA_CACHE_DIR`, else in the user's cache folder; None if there is no
        home folder."""
        own = os.environ.get("BRAINEVENT_CACHE_DIR")
        root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
        try:
            base = Path(own) if own else (Path(root) if root else Path.home() / ".cache") / "brainevent"
        except RuntimeError:
            return None
        return base.absolute() / self.name

    def read(self, key: str) -> Entry | None:
        """The entry of a key; None if there is none that is intact and trusted."""
        folder = self._trusted_folder()
        return self._read(folder / f"{key}{self.suffix}", key) if folder is not None else None

    def write(self, key: str, entry: Entry) -> None:
        """Store an entry, if the folder is writable."""
        folder = self._trusted_folder(make=True)
        if folder is not None:
            with contextlib.suppress(OSError):
                self._write(folder / f"{key}{self.suffix}", key, entry)
                self._prune(folder)

    def state(self) -> KernelCache:
        """Where the folder is, what is wrong with it, and how much it contains."""
        folder = self.folder
        if folder is None:
            return KernelCache(folder=None, fault="there is no home folder; set BRAINEVENT_CACHE_DIR")
        files: list[_File] = []
        try:
            there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
            fault = folder_fault(there, for_folders=there != folder)
            if fault is None and not os.access(there, os.W_OK):
                fault = f"{there} can't be written"
            files = self._files(folder) if there == folder else []
        except OSError as error:
            fault = f"{folder} can't be used ({error})"
        return KernelCache(folder=folder, fault=fault, files=len(files), size=sum(file.size for file in files))

    def encoded(self, key: str, entry: Entry) -> bytes:
        """The bytes of a file."""
        header = json.dumps({**entry.fields, "key": key}).encode()
        rest = header + b"\n" + entry.content
        return self._magic + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest

    def decoded(self, content: bytes, key: str) -> Entry | None:
        """The entry in the bytes of a file; None if they are corrupt or belong to another key."""
        magic, rest = content[: len(self._magic)], content[len(self._magic) :]
        checksum, _, rest = rest.partition(b"\n")
        if magic != self._magic or hashlib.sha256(rest).hexdigest().encode() != checksum:
            return None
        header, _, code = rest.partition(b"\n")
        try:
            fields = json.loads(header)
            return Entry(fields, code) if fields["key"] == key else None
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def _magic(self) -> bytes:
        return f"brainevent {self.kind} 1\n".encode()

    def _trusted_folder(self, *, make: bool = False) -> Path | None:
        """The folder, if it exists (or can be created) and nobody else can write to it; warns if others can."""
        folder = self.folder
        if folder is None:
            return None
        try:
            fault = (make_folder(folder) if make else None) or folder_fault(folder)
        except OSError:
            return None
        if fault is None:
            return folder
        _warn_once(
            f"brainevent keeps no machine code in {folder}: {fault}. Kernels are compiled in every process instead. "
            "Set BRAINEVENT_CACHE_DIR to a folder to which nobody else can write."
        )
        return None

    def _read(self, path: Path, key: str) -> Entry | None:
        """The entry in a file; None if there is no file or it is corrupt. Files that others could have written aren't
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
            # Pruning needs the time of the last use, which the access times of many file systems don't tell.
            with contextlib.suppress(OSError):
                os.utime(path)
        return self.decoded(content, key)

    def _write(self, path: Path, key: str, entry: Entry) -> None:
        """Replace a file atomically: other processes see the old or the new one. `mkstemp` gives it mode 0600."""
        handle, temporary = tempfile.mkstemp(prefix="new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.encoded(key, entry))
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _files(self, folder: Path, chosen: Callable[[str], bool] | None = None) -> list[_File]:
        """The files in a folder whose names `chosen` accepts, by default entries; those that vanish meanwhile are left
        out."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    stamp = entry.stat(follow_symlinks=False)
                    wanted = chosen(entry.name) if chosen else entry.name.endswith(self.suffix)
                    if wanted and stat.S_ISREG(stamp.st_mode):
                        found.append(_File(stamp.st_mtime, stamp.st_size, Path(entry.path)))
        return found

    def _prune(self, folder: Path) -> None:
        """Remove the least recently used files until `SIZE_LIMIT` holds, and temporary files of killed processes."""
        unfinished = self._files(folder, lambda name: name.startswith("new-"))
        surplus = [file for file in unfinished if file.used < time.time() - _DAY]
        files = sorted(self._files(folder))
        left = sum(file.size for file in files)
        for file in files:
            if left <= SIZE_LIMIT:
                break
            surplus.append(file)
            left -= file.size
        for file in surplus:
            with contextlib.suppress(OSError):
                file.path.unlink()


class _File(NamedTuple):
    used: float
    size: int
    path: Path


def _opened_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, BackendWarning, stacklevel=2)
