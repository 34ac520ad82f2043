"""The registry of kernels: (primitive, platform, backend) → kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainevent_core import config
from brainevent_core.errors import RegistrationError

if TYPE_CHECKING:
    from brainevent_core.plugins.selection import Selection

__all__ = ["Kernel", "KernelRegistry", "LeftToXla", "get_registry"]


@dataclass(frozen=True)
class Kernel:
    """One implementation of one primitive on one platform.

    Attributes:
        primitive: name of the primitive.
        platform: the JAX platform for which it compiles.
        backend: name of its backend.
        fn: traceable; ``fn(*arrays, **static)`` returns the output, or a sequence of the outputs.
        priority: added to that of the backend.
        supports: ``supports(*avals, **static)``: whether the kernel supports the call; a :class:`Takes` lists what it
            supports. Without it, the kernel gets no calls with a format, an encoding or a connection rule, because new
            ones can be registered at any time.
        exportable: whether the compiled form can be used in another process (custom calls can't).
        batched: whether ``fn`` supports mapped axes, which it gets as the keyword ``batch``.
        in_place: whether ``fn`` overwrites operands, those that the primitive declares. It gets their prior uses, the
            results computed from them, as the keyword ``after``, and must make its outputs depend on these. Otherwise
            XLA can't order the two operations, and copies the operands.
        on_request: whether it runs only if its backend is requested by name.
        partitionable: whether it can run in a program that XLA partitions over several devices. Inside ``shard_map``
            every kernel can, because each device runs its own.
    """

    primitive: str
    platform: str
    backend: str
    fn: Callable[..., Any]
    priority: int = 0
    supports: Callable[..., bool] | None = None
    exportable: bool = True
    batched: bool = False
    in_place: bool = False
    on_request: bool = False
    partitionable: bool = True


@dataclass(frozen=True)
class LeftToXla:
    """Calls that a backend leaves to the reference by design, because XLA compiles them best.

    Attributes:
        primitive: name of the primitive.
        platform: the JAX platform.
        backend: name of the backend that declares this.
        because: the reason, in a few words.
        calls: ``calls(*avals, **static)``: whether a call is one of them; None if all are.
    """

    primitive: str
    platform: str
    backend: str
    because: str
    calls: Callable[..., bool] | None = None


class KernelRegistry:
    """All kernels of this process. There is one registry, :func:`get_registry`; backends add to it."""

    def __init__(self) -> None:
        self._kernels: dict[tuple[str, str], dict[str, Kernel]] = {}
        self._left_to_xla: list[LeftToXla] = []
        self._selected: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self._recorders: ContextVar[tuple[list[Selection], ...]] = ContextVar("recorders", default=())

    def register_kernel(
        self,
        primitive: str,
        platform: str,
        fn: Callable[..., Any],
        *,
        backend: str,
        priority: int = 0,
        supports: Callable[..., bool] | None = None,
        exportable: bool = True,
        batched: bool = False,
        in_place: bool = False,
        on_request: bool = False,
        partitionable: bool = True,
    ) -> Kernel:
        """Add a kernel; see :class:`Kernel` for the arguments.

        Raises:
            RegistrationError: if the backend already has a kernel for this primitive and platform, or uses a name of
                core's own kernels.
        """
        if platform == "gpu":
            raise RegistrationError("JAX lowers for 'cuda' or 'rocm', not for 'gpu'; register the kernel for those.")
        if backend == config.REFERENCE or (backend == config.EVENTS and not _is_of_core(fn)):
            raise RegistrationError(f"The name {backend!r} belongs to core's own kernels; choose another backend name.")
        kernel = Kernel(
            primitive,
            platform,
            backend,
            fn,
            priority,
            supports,
            exportable,
            batched,
            in_place,
            on_request,
            partitionable,
        )
        with self._lock:
            entries = self._kernels.setdefault((primitive, platform), {})
            if backend in entries:
                raise RegistrationError(
                    f"Backend {backend!r} already has a kernel for {primitive!r} on {platform!r} "
                    f"({entries[backend].fn!r}); one backend registers one, and dispatches inside it."
                )
            entries[backend] = kernel
            late = (primitive, platform) in self._selected
        if late:  # functions that are already compiled could use this kernel
            config.invalidate_compiled()
        return kernel

    def leave_to_xla(
        self,
        primitive: str,
        platform: str,
        *,
        backend: str,
        because: str,
        calls: Callable[..., bool] | None = None,
    ) -> None:
        """Declare that the reference is the right choice for calls that no kernel supports; see :class:`LeftToXla` for
        the arguments. The reference then runs without a warning, and ``record()`` and ``info`` give the reason."""
        with self._lock:
            self._left_to_xla.append(LeftToXla(primitive, platform, backend, because, calls))

    def left_to_xla(self, primitive: str, platform: str) -> tuple[LeftToXla, ...]:
        """The calls of a primitive on a platform that backends leave to XLA, in the order of declaration."""
        with self._lock:
            return tuple(one for one in self._left_to_xla if (one.primitive, one.platform) == (primitive, platform))

    def remove(self, primitive: str, *, backend: str | None = None, platform: str | None = None) -> None:
        """Remove the kernels of a primitive (of one backend and platform, or of all), so that it can be redefined."""
        with self._lock:
            for (name, place), entries in self._kernels.items():
                if name == primitive and platform in (None, place):
                    for key in [key for key in entries if backend in (None, key)]:
                        del entries[key]
            self._left_to_xla = [
                one
                for one in self._left_to_xla
                if one.primitive != primitive
                or backend not in (None, one.backend)
                or platform not in (None, one.platform)
            ]
        config.invalidate_compiled()

    def withdraw(self, backend: str, *, platform: str | None = None) -> None:
        """Remove a backend's kernels, and its declarations of calls left to XLA, for one platform or for all."""
        with self._lock:
            said = {kernel.primitive for kernel in self.kernels() if kernel.backend == backend}
            said |= {left.primitive for left in self._left_to_xla if left.backend == backend}
        for primitive in said:
            self.remove(primitive, backend=backend, platform=platform)

    def kernels(self, primitive: str | None = None, platform: str | None = None) -> tuple[Kernel, ...]:
        """The registered kernels, sorted; optionally of one primitive or platform."""
        with self._lock:
            found = [
                kernel
                for (name, place), entries in sorted(self._kernels.items())
                if primitive in (None, name) and platform in (None, place)
                for _, kernel in sorted(entries.items())
            ]
        return tuple(found)

    @contextmanager
    def record(self) -> Iterator[list[Selection]]:
        """Record the kernel that is selected for every primitive that is lowered inside the block.

        Yields:
            A list of :class:`Selection`, which is filled as compilations happen. Cached functions are not lowered
            again.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> with brainevent.get_registry().record() as lowered, brainevent.use_backend("reference"):
            ...     _ = brainevent.BinaryArray(jnp.ones(3)) @ jnp.ones((3, 7))
            >>> lowered[0].primitive, lowered[0].backend
            ('matmul', 'reference')
        """
        selections: list[Selection] = []
        token = self._recorders.set((*self._recorders.get(), selections))
        try:
            yield selections
        finally:
            self._recorders.reset(token)

    def mark_selected(self, primitive: str, platform: str) -> None:
        """Called at lowering, before selection: from now on, registering a kernel invalidates compiled functions."""
        with self._lock:
            self._selected.add((primitive, platform))

    def note(self, selection: Selection) -> None:
        """Called at lowering, after selection."""
        for selections in self._recorders.get():
            selections.append(selection)


def _is_of_core(fn: Callable[..., Any]) -> bool:
    return str(getattr(fn, "__module__", "")).startswith("brainevent_core.kernels.")


_registry = KernelRegistry()


def get_registry() -> KernelRegistry:
    """The process's registry of kernels."""
    return _registry
