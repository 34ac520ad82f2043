"""The descriptor of a backend package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainevent_core.plugins.registry import KernelRegistry

__all__ = ["API_VERSION", "Backend", "KernelCache"]

#: The version of the contract between core and backends. It is increased when backends have to change.
API_VERSION = 1

#: The suffix of the names of kernel languages.
LANGUAGE_SUFFIX = "_kernel"

#: The languages of brainevent's packages and their helper functions → the extras that install them.
LANGUAGES = {
    "numba_kernel": ("brainevent[cpu]",),
    **dict.fromkeys(
        ("warp_kernel", "jaxtype_to_warptype", "jaxinfo_to_warpinfo"),
        ("brainevent[cuda12]", "brainevent[cuda13]", "brainevent[languages]"),
    ),
    "pallas_kernel": ("brainevent[tpu]", "brainevent[languages]"),
}


def may_be_language(name: str) -> bool:
    """Whether a backend could provide this name. Backends are not searched for other names that Python looks up."""
    return name.endswith(LANGUAGE_SUFFIX) or name in LANGUAGES


def _always_available() -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class KernelCache:
    """The compiled kernels that a backend caches on disk, so that later processes need not compile them.

    Attributes:
        folder: the folder, or None if there is none.
        fault: why kernels can't be cached there, or None.
        files: the number of files.
        size: their total size in bytes.
    """

    folder: Path | None
    fault: str | None = None
    files: int = 0
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A backend, which its package's entry point in the group ``brainevent.backends`` names.

    The module with the descriptor imports no kernel language and creates no arrays, because it is imported to list the
    backends. Kernels are imported by :attr:`register`, at the first compilation for one of the platforms.

    Attributes:
        name: the name by which users request it; the same as the entry point's name.
        platforms: the JAX platforms for which it has kernels, such as ``("cpu",)`` or ``("cuda",)``.
        api: the version of the contract for which the package was written, :data:`API_VERSION` at that time.
        register: called once with the registry, to add the kernels.
        priority: among the backends with a kernel that supports a call, the one with the highest priority runs it.
        available: returns None if the backend can run here, otherwise the reason, with advice.
        languages: the kernel languages that it provides, as ``{"numba_kernel": "package.module:attribute"}``. Users
            access them by name, as ``brainevent.numba_kernel``, which imports the module, even if the backend can't
            run. Names end in ``_kernel``; the few other names of brainevent's own backends are in :data:`LANGUAGES`.
        declines: the calls that its kernels leave to the reference, as ``{pattern: reason}`` with regular expressions
            over the names of the conformance kit's cases. The kit fails for calls that are declined but not listed
            here.
        cache: returns the state of the disk cache of kernels that are compiled while a call is lowered, for
            ``brainevent precompile``; None if there is no cache.
        build_for: registers the kernels so that lowering a call for the first of its platforms compiles them for
            devices of the given architectures, numbers that the backend defines, which need not be present; for
            ``brainevent precompile --arch``. The process can't run these kernels. None if this is not supported.
        stand_ins: platforms without the backend's devices on which its kernels can be tested, as
            ``{platform: function}``. The function is called like :attr:`register`, and registers the kernels for that
            platform, on request, even if the backend isn't available.

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
