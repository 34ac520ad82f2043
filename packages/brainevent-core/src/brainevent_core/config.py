"""Requests for backends, from the most to the least specific:

1. ``backend=`` of a function,
2. ``with use_backend(name):``,
3. ``set_backend(platform, name)``,
4. the environment variable ``BRAINEVENT_BACKEND``,
5. otherwise the kernel with the highest priority that supports the call. Backends have priority over core's own
   kernels, and these over the reference.

A request is a preference: for derived primitives (tangents, transposes, batched forms), and on platforms that the
backend doesn't support, kernels are selected as usual. ``backend=`` and ``strict=True`` are requirements; see
:class:`Request`.
"""

import operator
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from brainevent_core._jax import JitKey
from brainevent_core.deprecated import no_such_name

__all__ = [
    "EVENTS",
    "REFERENCE",
    "Request",
    "clear_backends",
    "get_backend",
    "num_threads",
    "on_num_threads_change",
    "set_backend",
    "set_num_threads",
    "use_backend",
]

#: The name under which the reference kernels of core are requested and reported.
REFERENCE = "reference"

#: The name of core's own kernels whose cost scales with the events, see :mod:`brainevent_core.kernels`.
EVENTS = "events"

#: The platforms that JAX lowers for.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

#: JAX's names for several of them.
_ALIASES = {"gpu": ("cuda", "rocm")}

ENVIRONMENT_VARIABLE = "BRAINEVENT_BACKEND"
THREADS_VARIABLE = "BRAINEVENT_NUM_THREADS"


@dataclass(frozen=True)
class Request:
    """A request for a backend.

    Attributes:
        name: the backend's name, or ``"reference"``.
        insist: raise an error if the backend has no kernel for the primitive on the platform being compiled.
        strict: also raise an error for derived primitives.
    """

    name: str
    insist: bool = False
    strict: bool = False

    def for_derived(self) -> "Request":
        """The same request for tangents, transposes and batched forms of the call."""
        return replace(self, insist=self.strict)


_requested: JitKey = JitKey(None)
_generation: JitKey = JitKey(0)
_generation_lock = threading.Lock()
_platform_backends: dict[str, str] = {}
_num_threads: int | None = None
_thread_listeners: list[Callable[[int | None], None]] = []


def invalidate_compiled() -> None:
    """Make every cached function retrace, because the set of kernels or their order has changed."""
    with _generation_lock:
        _generation.set_global(_generation.value + 1)


@contextmanager
def use_backend(name: str, *, strict: bool = False) -> Iterator[None]:
    """Prefer the kernels of one backend inside the block.

    Args:
        name: a backend's name, as listed by ``python -m brainevent info``, or ``"reference"``.
        strict: raise :class:`~brainevent.KernelNotAvailableError` for every primitive for which the backend
            has no kernel, instead of selecting another kernel.

    Functions that were compiled with another request are traced again, so the block also affects cached functions.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> spikes = brainevent.BinaryArray(jnp.array([True, False]))
        >>> with brainevent.use_backend("reference"):
        ...     spikes @ jnp.array([[1.0, 2.0], [3.0, 4.0]])
        Array([1., 2.], dtype=float32)
    """
    with _requested(Request(_backend_name(name), insist=strict, strict=strict)):
        yield


def set_backend(platform: str, name: str | None) -> None:
    """Prefer the backend ``name`` on a platform from now on, in all threads.

    Args:
        platform: "cpu", "cuda", "rocm" or "tpu"; "gpu" stands for "cuda" and "rocm".
        name: the backend, as listed by ``python -m brainevent info``, or ``"reference"``; None removes the preference.

    Raises:
        ValueError: if there is no such platform.
    """
    for one in _platforms(platform):
        if name is None:
            _platform_backends.pop(one, None)
        else:
            _platform_backends[one] = _backend_name(name)
    invalidate_compiled()


def get_backend(platform: str) -> str | None:
    """The name set with :func:`set_backend` for ``platform``, otherwise ``BRAINEVENT_BACKEND``, otherwise None."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return _platform_backends.get(_platforms(platform)[0]) or (_backend_name(given) if given else None)


def _platforms(platform: str) -> tuple[str, ...]:
    if platform not in PLATFORMS and platform not in _ALIASES:
        raise ValueError(
            f"Platforms are {', '.join(map(repr, PLATFORMS))}, as JAX lowers for them, and 'gpu'; got {platform!r}."
        )
    return _ALIASES.get(platform, (platform,))


def clear_backends() -> None:
    """Remove all preferences that were set with :func:`set_backend`."""
    _platform_backends.clear()
    invalidate_compiled()


def set_num_threads(count: int | None) -> None:
    """Limit the number of threads of a CPU kernel from now on; with None, ``BRAINEVENT_NUM_THREADS`` applies.

    Kernels run on the threads of JAX's CPU client, one per core that the process may use, so a larger number has no
    effect. Small products always run on one thread. XLA's own operations are not affected. Compiled functions use
    the new number from their next call on, without being traced again.

    Args:
        count: 1 or more, or None.

    Raises:
        ValueError: if ``count`` is not an integer of at least 1.

    Example:
        >>> import brainevent
        >>> brainevent.config.set_num_threads(1)
        >>> brainevent.config.num_threads()
        1
        >>> brainevent.config.set_num_threads(None)
    """
    global _num_threads
    _num_threads = None if count is None else _thread_count(count, "set_num_threads takes")
    for listener in _thread_listeners:
        listener(num_threads())


def num_threads() -> int | None:
    """The maximal number of threads of a CPU kernel: set by :func:`set_num_threads`, otherwise by
    ``BRAINEVENT_NUM_THREADS``; None means all threads of JAX."""
    if _num_threads is not None:
        return _num_threads
    given = os.environ.get(THREADS_VARIABLE)
    return _thread_count(given, f"{THREADS_VARIABLE} must be") if given else None


def on_num_threads_change(listener: Callable[[int | None], None]) -> None:
    """Call ``listener(num_threads())`` now and after every :func:`set_num_threads`.

    This is for backends, whose kernels read the number when they run. The listener stays registered until the process
    ends.

    Raises:
        ValueError: if ``BRAINEVENT_NUM_THREADS`` is not a number of threads.
    """
    listener(num_threads())
    _thread_listeners.append(listener)


def _thread_count(value: int | str, who: str) -> int:
    try:
        count = operator.index(int(value) if isinstance(value, str) else value)
    except (TypeError, ValueError):
        count = 0
    if count < 1:
        raise ValueError(f"{who} a number of threads, 1 or more, got {value!r}.")
    return count


def current_request(backend: str | None) -> Request | None:
    """The request of a call in the current context, given its ``backend=`` argument."""
    if backend is not None:
        return Request(_backend_name(backend), insist=True)
    return _requested.value


def derived_from(request: Request | None) -> AbstractContextManager[None]:
    """A context for rules of primitives, in which calls request the same backend, without insisting.

    It is part of the cache key of ``jit``, like every request: a function cached inside a rule is not used outside.
    """
    context: AbstractContextManager[None] = _requested(request and request.for_derived())
    return context


#: The names of the published package for kernels in plain JAX.
_OTHER_NAMES = {"jax": REFERENCE, "jax_raw": REFERENCE}


def _backend_name(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"A backend is named by a string such as 'numba' or 'reference', got {name!r}. "
            "`python -m brainevent info` lists the backends that are installed."
        )
    return _OTHER_NAMES.get(name, name)


if not TYPE_CHECKING:  # type checkers would accept any name as one of these

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
