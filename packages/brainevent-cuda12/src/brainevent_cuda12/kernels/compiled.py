"""Kernels generated from specifications, compiled by Warp, and passed to the launcher."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import threading
from importlib import metadata
from pathlib import Path
from typing import Any

from brainevent_core.errors import KernelBuildError

from .native.bodies import body
from .native.spec import KernelSpec

__all__ = ["CompiledKernel", "HostThreads", "host_threads", "warp_version"]

# Warp's modules, options and caches aren't thread-safe.
_lock = threading.RLock()
_alive: list[Any] = []


@dataclasses.dataclass(frozen=True)
class HostThreads:
    """Threads of kernels on a CPU: `lanes` per warp, and threads per `block`, which run one at a time."""

    lanes: int
    block: int


@functools.cache
def host_threads(*, uneven: bool = False) -> HostThreads:
    """Warps of 32 lanes if Warp supports blocks on CPU, so that warp-wide operations are tested; otherwise of one lane.

    Args:
      uneven: see `KernelSpec.uneven`.
    """
    import warp as wp

    return HostThreads(32, 32 if uneven else 64) if hasattr(wp.config, "enable_cpu_blocks") else HostThreads(1, 1)


@dataclasses.dataclass(frozen=True)
class CompiledKernel:
    """A kernel that is compiled when its code is requested. Implements `launcher.Kernel`.

    Attributes:
      spec: specification of the kernel.
    """

    spec: KernelSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @functools.cached_property
    def digest(self) -> str:
        """A hash of everything that determines the machine code: the body, its wrapper, and the version of Warp."""
        said = [self.name, body(self.spec, 1), body(self.spec, 32), warp_version()]
        said.append(Path(__file__).with_name("entry.py").read_text())
        return hashlib.sha256("\0".join(said).encode()).hexdigest()

    def symbol(self) -> str:
        return f"{self.name}_cuda_kernel_forward"

    def host_entry(self) -> int:
        threads = host_threads(uneven=self.spec.uneven)
        with _lock:
            return _host_entry(self.spec, self.digest, threads)

    def image(self, architecture: int) -> bytes:
        from .images import image

        with _lock:
            return image(self.name, self.digest, architecture, lambda: _made(self.spec, self.digest, 1, "cuda"))


def warp_version() -> str:
    """The version of the installed Warp."""
    return metadata.version("warp-lang")


@functools.cache
def _start_warp() -> None:
    """Initialise Warp without its greeting, which would appear in the output of programs."""
    import warp as wp

    before = getattr(wp.config, "log_level", None)
    if before is None:
        return  # a version of Warp without this setting
    wp.config.log_level = wp.LOG_ERROR
    try:
        wp.init()
    finally:
        wp.config.log_level = before


def _made(spec: KernelSpec, digest: str, lanes: int, platform: str) -> Any:
    _start_warp()
    from .entry import make_kernel
    from .warp_layout import fault

    wrong = fault()
    if wrong is not None:
        raise KernelBuildError(wrong)
    return make_kernel(spec.name, body(spec, lanes), f"brainevent_{spec.name}_{digest[:12]}_{platform}_{lanes}")


def _host_entry(spec: KernelSpec, digest: str, threads: HostThreads) -> int:
    import warp as wp

    kernel = _made(spec, digest, threads.lanes, "cpu")
    before = getattr(wp.config, "enable_cpu_blocks", None)
    if before is not None:
        wp.config.enable_cpu_blocks = threads.block > 1
    try:
        loaded = kernel.module.load(wp.get_device("cpu"), threads.block)
        if loaded is None:
            raise KernelBuildError(f"Warp couldn't compile {spec.name} for CPU")
        hooks = loaded.get_kernel_hooks(kernel)
    finally:
        if before is not None:
            wp.config.enable_cpu_blocks = before
    _alive.append((kernel, loaded, hooks))
    return ctypes.cast(hooks.forward, ctypes.c_void_p).value or 0
