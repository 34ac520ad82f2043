"""Which backend runs what: the requests a user can make, from the most to the least specific.

1. ``backend=`` of a function,
2. ``with use_backend(name):``,
3. ``set_backend(platform, name)``,
4. the environment variable ``BRAINEVENT_BACKEND``,
5. otherwise the kernel of the highest priority that accepts the call, those of backends before core's own, and the
   reference if there is none.

A request is a preference: derived primitives (tangents, transposes, batched forms) and platforms that the backend
does not serve are selected normally. ``backend=`` and ``strict=True`` insist; see :class:`Request`.
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

#: The name under which the pure-jnp kernels of core are requested and reported.
REFERENCE = "reference"

#: The name of core's own kernels whose cost scales with the events, see :mod:`brainevent_core.kernels`.
EVENTS = "events"

#: The platforms that JAX lowers for.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

#: What JAX calls several of them.
_ALIASES = {"gpu": ("cuda", "rocm")}

ENVIRONMENT_VARIABLE = "BRAINEVENT_BACKEND"
THREADS_VARIABLE = "BRAINEVENT_NUM_THREADS"


@dataclass(frozen=True)
class Request:
    """A backend asked for by name.

    Attributes:
        name: the backend's name, or ``"reference"``.
        insist: raise if the backend has no kernel for the primitive on the platform being compiled.
        strict: insist in derived primitives too.
    """

    name: str
    insist: bool = False
    strict: bool = False

    def for_derived(self) -> "Request":
        """The same request as tangents, transposes and batched forms of the call carry it."""
        return replace(self, insist=self.strict)


_requested: JitKey = JitKey(None)
_generation: JitKey = JitKey(0)
_generation_lock = threading.Lock()
_platform_backends: dict[str, str] = {}
_num_threads: int | None = None
_thread_listeners: list[Callable[[int | None], None]] = []


def invalidate_compiled() -> None:
    """Make every cached function retrace: the set of kernels or their order has changed."""
    with _generation_lock:
        _generation.set_global(_generation.value + 1)


@contextmanager
def use_backend(name: str, *, strict: bool = False) -> Iterator[None]:
    """Prefer the kernels of one backend inside the block.

    Args:
        name: a backend's name, as ``python -m brainevent info`` lists it, or ``"reference"``.
        strict: raise :class:`~brainevent.KernelNotAvailableError` for every primitive that the backend
            has no kernel for, instead of selecting another.

    Functions compiled under another request retrace, so the block also decides for cached functions.

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
        name: the backend, as ``python -m brainevent info`` lists it, or ``"reference"``; None forgets the preference.

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
    """The name set with :func:`set_backend` for ``platform``, else ``BRAINEVENT_BACKEND``, else None."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return _platform_backends.get(_platforms(platform)[0]) or (_backend_name(given) if given else None)


def _platforms(platform: str) -> tuple[str, ...]:
    if platform not in PLATFORMS and platform not in _ALIASES:
        raise ValueError(
            f"Platforms are {', '.join(map(repr, PLATFORMS))}, as JAX lowers for them, and 'gpu'; got {platform!r}."
        )
    return _ALIASES.get(platform, (platform,))


def clear_backends() -> None:
    """Forget every :func:`set_backend`."""
    _platform_backends.clear()
    invalidate_compiled()


def set_num_threads(count: int | None) -> None:
    """Let a kernel on CPU use up to ``count`` threads from now on; None leaves it to ``BRAINEVENT_NUM_THREADS``.

    Kernels run on the threads that JAX's CPU client has, one per core that the process may use, so a larger number
    changes nothing. Small products run on one thread in any case. What XLA itself computes is not affected. Compiled
    functions obey from their next call on, without being traced again.

    Args:
        count: 1 or more, or None.

    Raises:
        ValueError: if ``count`` is not a whole number of at least 1.

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
    """How many threads a kernel on CPU may use: set by :func:`set_num_threads`, else ``BRAINEVENT_NUM_THREADS``, else
    None: as many as JAX has."""
    if _num_threads is not None:
        return _num_threads
    given = os.environ.get(THREADS_VARIABLE)
    return _thread_count(given, f"{THREADS_VARIABLE} must be") if given else None


def on_num_threads_change(listener: Callable[[int | None], None]) -> None:
    """Call ``listener(num_threads())`` now and after every :func:`set_num_threads`.

    For backends, whose kernels read the number when they run. It is called for as long as the process lives.

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
    """The request that a call made here and now carries, given its ``backend=`` argument."""
    if backend is not None:
        return Request(_backend_name(backend), insist=True)
    return _requested.value


def derived_from(request: Request | None) -> AbstractContextManager[None]:
    """While a rule of a primitive runs, what it calls asks for the same backend, without insisting.

    Part of the key of ``jit`` like every request: a function cached inside a rule is not used outside.
    """
    context: AbstractContextManager[None] = _requested(request and request.for_derived())
    return context


#: What the published package calls it that is written in plain JAX.
_OTHER_NAMES = {"jax": REFERENCE, "jax_raw": REFERENCE}


def _backend_name(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"A backend is named by a string such as 'numba' or 'reference', got {name!r}. "
            "`python -m brainevent info` lists the backends that are installed."
        )
    return _OTHER_NAMES.get(name, name)


if not TYPE_CHECKING:  # type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
