"""What a backend package says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainevent_core.plugins.registry import KernelRegistry

__all__ = ["API_VERSION", "Backend", "KernelCache"]

#: The version of the contract between core and backends. It grows when a backend would have to change.
API_VERSION = 1

#: How the names of kernel languages end.
LANGUAGE_SUFFIX = "_kernel"

#: The languages of brainevent's packages, and what belongs to them → the extras that install them.
LANGUAGES = {
    "numba_kernel": ("brainevent[cpu]",),
    **dict.fromkeys(
        ("warp_kernel", "jaxtype_to_warptype", "jaxinfo_to_warpinfo"),
        ("brainevent[cuda12]", "brainevent[cuda13]", "brainevent[languages]"),
    ),
    "pallas_kernel": ("brainevent[tpu]", "brainevent[languages]"),
}


def may_be_language(name: str) -> bool:
    """Whether a backend could provide it. Other names are not looked up, such as those that Python asks of a module."""
    return name.endswith(LANGUAGE_SUFFIX) or name in LANGUAGES


def _always_available() -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class KernelCache:
    """What a backend keeps of compiled kernels on disk, so that the next process needn't compile them.

    Attributes:
        folder: where; None if there is no such folder.
        fault: why nothing can be kept there; None if it can.
        files: how many files there are.
        size: their size in bytes.
    """

    folder: Path | None
    fault: str | None = None
    files: int = 0
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A backend, as its package's entry point in the group ``brainevent.backends`` names it.

    The module that holds the descriptor imports no kernel language and makes no arrays: it is imported to list
    the backends. Kernels are imported by :attr:`register`, at the first compilation for one of the platforms.

    Attributes:
        name: what users ask for; the same as the entry point's name.
        platforms: the JAX platforms it has kernels for, e.g. ``("cpu",)``, ``("cuda",)``.
        api: the version of the contract the package was written for, :data:`API_VERSION` at that time.
        register: called once with the registry, to add the kernels.
        priority: the backend of the highest priority whose kernel accepts a call runs it.
        available: None if the backend can run here, otherwise the reason, with what to do about it.
        languages: the kernel languages it brings, as ``{"numba_kernel": "package.module:attribute"}``. Users reach them
            by name, as ``brainevent.numba_kernel``, which imports the module; also where the backend can't run. Names
            end in ``_kernel``; the few others that brainevent's own backends bring are in :data:`LANGUAGES`.
        declines: what its kernels leave to the reference, as ``{pattern: reason}``, regular expressions over the names
            of the conformance kit's cases. The kit fails on what is declined and not named here.
        cache: says what it keeps on disk of kernels that are compiled while a call is lowered, for
            ``brainevent precompile``; None if nothing.
        build_for: registers the kernels so that lowering a call for the first of its platforms compiles them for
            devices of the architectures given, numbers that the backend knows, which need not be here; for ``brainevent
            precompile --arch``. The process can't use the kernels, then. None if there is no such thing.
        stand_ins: platforms without the backend's devices on which its kernels can be made to run, to be tested, as
            ``{platform: function}``. The function is called as :attr:`register` is, and registers the kernels for that
            platform, on request; also where the backend isn't available.

    Example:
        >>> from brainevent_core.plugins import Backend
        >>> Backend(name="mine", platforms=("cpu",), api=1, register=lambda registry: None).priority
        0
    """

    name: str
    platforms: tuple[str, ...]
    api: int
    register: Callable[[KernelRegistry], None]
    priority: int = 0
    available: Callable[[], str | None] = _always_available
    languages: Mapping[str, str] = field(default_factory=dict)
    declines: Mapping[str, str] = field(default_factory=dict)
    cache: Callable[[], KernelCache] | None = None
    build_for: Callable[[KernelRegistry, tuple[int, ...]], None] | None = None
    stand_ins: Mapping[str, Callable[[KernelRegistry], None]] = field(default_factory=dict)
