"""Whether the kernels for CUDA 12 or 13 can be used in this process, and if not, why.

Only the installed packages and the operating system are inspected: the check must neither import Warp nor create a CUDA
context. (For the only exception, see :func:`_loaded_line`.) A CUDA *line* is a major version, 12 or 13.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from importlib import metadata, util
from pathlib import Path

__all__ = ["missing_warp", "why_unavailable"]

#: The releases of warp-lang built for each line: from the first (inclusive) to the second (exclusive).
WARP_RELEASES: dict[int, tuple[tuple[int, int], tuple[int, int] | None]] = {
    12: ((1, 16), (1, 18)),
    13: ((1, 18), None),
}

#: Device files of the drivers: native Linux, WSL, Jetson.
_DEVICE_FILES = ("/dev/nvidia[0-9]*", "/dev/dxg", "/dev/nvhost-gpu", "/dev/nvgpu/igpu*")


def why_unavailable(line: int) -> str | None:
    """Why the kernels for CUDA ``line`` (12 or 13) cannot run here and what to do about it; None if they can.

    Reports everything that is missing, one sentence each.
    """
    device = _missing_device()
    missing = [missing_warp(line), _missing_plugin(line, loads=device is None), device]
    sentences = [reason for reason in missing if reason is not None]
    return " ".join([*sentences[:1], *(f"{reason[0].upper()}{reason[1:]}" for reason in sentences[1:])]) or None


def missing_warp(line: int) -> str | None:
    """Why the installed Warp isn't for CUDA ``line``, and what to do about it; None if it is."""
    remedy = f"pip install 'brainevent[cuda{line}]'"
    if util.find_spec("warp") is None:
        return f"Warp is not installed: {remedy}."
    try:
        version = metadata.version("warp-lang")
    except metadata.PackageNotFoundError:
        return None  # a custom build without metadata, whose user knows its CUDA version
    release = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    first, end = WARP_RELEASES[line]
    if release < first or (end is not None and release >= end):
        wanted = f">={first[0]}.{first[1]}" + (f",<{end[0]}.{end[1]}" if end else "")
        return f"warp-lang {version} is installed, CUDA {line} needs warp-lang{wanted}: {remedy}."
    return None


def _missing_device() -> str | None:
    if sys.platform != "linux":
        return f"JAX has CUDA on Linux only, this is {sys.platform}."
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return (
            "there is no NVIDIA driver on this machine (libcuda.so.1 cannot be loaded): install it if there is a GPU."
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1", "none", "NoDevFiles"):
        return f"CUDA_VISIBLE_DEVICES={visible} hides all CUDA devices: unset it."
    if not any(file for pattern in _DEVICE_FILES for file in Path("/").glob(pattern[1:])):
        return "there is an NVIDIA driver, but no CUDA device on this machine."
    return None


def _missing_plugin(line: int, *, loads: bool) -> str | None:
    """Why JAX's CUDA plugin isn't the one for `line`; None if it is. `loads`: whether JAX can load plugins here; only
    then does it matter which one it loads if both are installed."""
    other = 25 - line
    installed = [number for number in (12, 13) if util.find_spec(f"jax_cuda{number}_plugin") is not None]
    if not installed:
        return f"JAX has no CUDA plugin: pip install 'brainevent[cuda{line}]'."
    if line in installed and not loads:
        return None
    loaded = installed[0] if len(installed) == 1 else _loaded_line()
    if loaded == line:
        return None
    if loaded is None:
        return (
            "both of JAX's CUDA plugins are installed and neither could be loaded: "
            f"pip uninstall jax-cuda{other}-plugin jax-cuda{other}-pjrt, to keep CUDA {line}."
        )
    if line not in installed:
        return (
            f"JAX's CUDA plugin here is the one for CUDA {other}: pip install 'brainevent[cuda{other}]' goes with it."
        )
    return (
        f"JAX loaded its plugin for CUDA {other}, though the one for CUDA {line} is installed too: "
        f"pip uninstall jax-cuda{other}-plugin jax-cuda{other}-pjrt, to use CUDA {line}."
    )


def _loaded_line() -> int | None:
    """The CUDA line whose PJRT plugin is in this process.

    If both are installed, JAX initialises them in the order of a set of strings, which differs between processes, and
    keeps the first library. The only way to find out is to let JAX load it, and to look.
    """
    mapped = _mapped_line()
    if mapped is None:
        import jax

        try:
            jax.devices("cuda")
        except RuntimeError:
            return None
        mapped = _mapped_line()
    return mapped


def _mapped_line(maps: Path = Path("/proc/self/maps")) -> int | None:
    try:
        found = re.search(r"xla_cuda(12|13)/xla_cuda_plugin\.so", maps.read_text())
    except OSError:
        return None
    return int(found.group(1)) if found else None
