"""Who could have written a file. Machine code is read only from files that nobody but this user and root can write.

Python can read owners and permissions only on POSIX. On Windows nothing is checked: the folder is in the user's
profile, to which other users can't write unless somebody has allowed it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["file_fault", "folder_fault", "make_folder"]

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MOST_LINKS = 40  # as many as Linux follows


def folder_fault(folder: Path, *, for_folders: bool = False) -> str | None:
    """Why somebody else could put files into a folder, or replace the folder; None if nobody can.

    All folders on the path from the root are checked, and all symbolic links: they must belong to this user or to root.
    Nobody else may be able to write to them, except to sticky folders on the way, such as `/tmp`, whose contents can
    only be renamed and removed by their owners.

    Args:
      folder: an existing folder.
      for_folders: whether the folder only has to be safe for subfolders of ours, like the folders on the way.

    Raises:
      OSError: if a folder can't be examined.
    """
    if not hasattr(os, "geteuid"):
        return None
    absolute = folder.absolute()
    at, ahead, links = Path(absolute.anchor), list(absolute.parts[1:]), 0
    fault = _fault(at, os.lstat(at), sticky=bool(ahead) or for_folders)
    while ahead and fault is None:
        name = ahead.pop(0)
        if name == "..":
            at = at.parent
            continue
        found = os.lstat(at / name)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(f"there are too many symbolic links on the way to {folder}")
            fault = _foreign(at / name, found)
            target = Path(os.readlink(at / name))
            if target.is_absolute():
                at = Path(target.anchor)
            ahead[:0] = target.parts[1:] if target.is_absolute() else target.parts
        else:
            at = at / name
            fault = _fault(at, found, sticky=bool(ahead) or for_folders)
    return fault


def file_fault(path: Path, found: os.stat_result) -> str | None:
    """Why somebody else could have written a file, given its `os.lstat` or `os.fstat`; None if nobody could."""
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a regular file"
    return _fault(path, found, sticky=False) if hasattr(os, "geteuid") else None


def make_folder(folder: Path) -> str | None:
    """Create a folder and its missing parents, accessible only to this user. Returns the reason if it wasn't created
    because others could replace it.

    Raises:
      OSError: if it can't be created.
    """
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = folder.parent
    fault = folder_fault(folder, for_folders=True) if missing else None
    if fault is None:
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
    return fault


def _fault(path: Path, found: os.stat_result, *, sticky: bool) -> str | None:
    """What is wrong with a folder or a file; with `sticky`, a sticky folder may be writable for others."""
    if found.st_mode & _OTHERS_WRITE and not (sticky and found.st_mode & stat.S_ISVTX):
        mode = stat.S_IMODE(found.st_mode)
        return f"others can write to {path} (its mode is {mode:04o}; `chmod go-w {path}` ends that)"
    return _foreign(path, found)


def _foreign(path: Path, found: os.stat_result) -> str | None:
    if found.st_uid in (os.geteuid(), 0):
        return None
    return f"{path} belongs to the user with the id {found.st_uid}, neither to this one ({os.geteuid()}) nor to root"
