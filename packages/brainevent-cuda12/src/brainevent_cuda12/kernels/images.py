"""Cubins: machine code for one GPU architecture, compiled by Warp with NVRTC, on machines with or without a GPU, and
cached on disk.

Each cubin contains one kernel, so that only the kernels that are needed get compiled. Compiling ten kernels took 6 s in
one module, and 9 s separately.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brainevent_core.errors import KernelBuildError
from brainevent_core.plugins import KernelCache
from brainevent_cpu.bridge.store import Entry, Store

__all__ = ["ARCHITECTURES", "image", "state"]

#: The GPU architectures that kernels are built for in tests: Turing, Ampere, Hopper, Blackwell (data centre, others).
ARCHITECTURES = (75, 80, 90, 100, 120)

_STORE = Store("cubins", "cubin")
_ELF = b"\x7fELF"


def image(name: str, digest: str, architecture: int, make: Callable[[], Any]) -> bytes:
    """The cubin of a kernel, from disk or compiled.

    Args:
      name: of the kernel.
      digest: hash of everything that determines its machine code, except the architecture.
      architecture: for example 90.
      make: creates Warp's kernel, in a module of its own.

    Raises:
      KernelBuildError: if Warp can't compile it.
    """
    key = hashlib.sha256(f"{digest} sm_{architecture}".encode()).hexdigest()
    found = _STORE.read(key)
    if found is not None:
        return found.content
    content = _compiled(name, architecture, make())
    _STORE.write(key, Entry({"kernel": name, "architecture": architecture}, content))
    return content


def state() -> KernelCache:
    """The folder of the cubins, what is wrong with it, and its contents."""
    return _STORE.state()


def _compiled(name: str, architecture: int, kernel: Any) -> bytes:
    import warp as wp

    with tempfile.TemporaryDirectory(prefix="brainevent-") as folder:
        try:
            (path,) = wp.compile_aot_module(
                kernel.module, arch=architecture, module_dir=folder, use_ptx=False, strip_hash=True
            )
            content = Path(path).read_bytes()
        except Exception as error:  # whatever it is, the reference still works
            raise KernelBuildError(
                f"Warp {wp.__version__} couldn't compile {name} for sm_{architecture}: {type(error).__name__}: {error}"
            ) from error
    if not content.startswith(_ELF):
        raise KernelBuildError(f"Warp {wp.__version__} made no cubin of {name} for sm_{architecture}")
    return content
