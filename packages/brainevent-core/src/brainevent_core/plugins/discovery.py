"""Finding the installed backends, and loading them when they are needed, without ever failing an import.

There are three steps, each as late as possible, because each is more expensive than the one before:

- reading the metadata of the installed distributions (tens of milliseconds), when a list is first needed;
- importing the modules with the descriptors (which must be light), at the same time;
- calling ``register``, which imports the kernels, at the first lowering for one of the backend's platforms.

A backend that fails in any step is listed with the reason, causes one warning, and is not used.
"""

from __future__ import annotations

import re
import threading
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import importlib_metadata
import jax

from brainevent_core import config
from brainevent_core.errors import BackendWarning, KernelNotAvailableError
from brainevent_core.plugins.descriptor import API_VERSION, LANGUAGE_SUFFIX, Backend, may_be_language
from brainevent_core.plugins.registry import get_registry

__all__ = ["ENTRY_POINT_GROUP", "BackendStatus", "backends", "refresh_backends"]

ENTRY_POINT_GROUP = "brainevent.backends"

#: Core's own backend, handled like all others, except that it needs no metadata.
_OWN = importlib_metadata.EntryPoint(config.EVENTS, "brainevent_core.kernels:BACKEND", ENTRY_POINT_GROUP)


@dataclass
class BackendStatus:
    """The state of one entry point of the group.

    Attributes:
        name: the entry point's name.
        distribution: the distribution that declares it, with its version.
        reference: the object that the entry point names, ``module:attribute``.
        backend: the descriptor, once imported.
        reason: why the backend cannot be used, or None.
        broken: whether ``reason`` is a fault of the package rather than of this machine.
        registered: whether its kernels are in the registry.
        stand_in: the platform that replaces those of its devices while it is tested without a device.
    """

    name: str
    distribution: str
    reference: str
    backend: Backend | None = None
    reason: str | None = None
    broken: bool = False
    registered: bool = False
    stand_in: str | None = None

    @property
    def usable(self) -> bool:
        return self.backend is not None and self.reason is None

    def fail(self, reason: str) -> None:
        self.reason, self.broken = reason, True


_lock = threading.RLock()
_found: dict[str, BackendStatus] | None = None
_conflicts: list[BackendStatus] = []
_warned: set[str] = set()


def backends() -> tuple[BackendStatus, ...]:
    """All backends, usable or not: core's own, and those among the installed distributions, sorted by name."""
    with _lock:
        return (*sorted(_statuses().values(), key=lambda status: status.name), *_conflicts)


def refresh_backends() -> tuple[BackendStatus, ...]:
    """Search for backends again, after a package was installed into the running process.

    Backends whose kernels are already registered don't change.
    """
    global _found
    with _lock:
        kept = {name: status for name, status in (_found or {}).items() if status.registered}
        _found = None
        _conflicts.clear()
        _statuses().update(kept)
    config.invalidate_compiled()
    return backends()


def find_backend(name: str) -> BackendStatus | None:
    """The backend of that name, or None."""
    with _lock:
        return _statuses().get(name)


def priority_of(name: str) -> int:
    """The priority of a backend; 0 for kernels that were registered without a package."""
    status = find_backend(name)
    return status.backend.priority if status is not None and status.backend is not None else 0


def require_usable(name: str) -> None:
    """Raise if ``name`` is neither a usable backend nor the owner of a registered kernel."""
    status = find_backend(name)
    if status is None:
        if name == config.REFERENCE or any(kernel.backend == name for kernel in get_registry().kernels()):
            return
        known = ", ".join(sorted({config.REFERENCE, *(found.name for found in backends())}))
        raise KernelNotAvailableError(
            f"There is no backend named {name!r}; found: {known}. Install the package that provides it "
            "(e.g. `pip install 'brainevent[cpu]'` for 'numba'), or correct the name."
        )
    if status.reason is not None and status.stand_in is None:
        raise KernelNotAvailableError(f"Backend {name!r} ({status.distribution}) cannot be used: {status.reason}")


def load_backends(platform: str) -> None:
    """Register the kernels of every usable backend for ``platform``."""
    with _lock:
        for status in _statuses().values():
            if status.usable and not status.registered and platform in status.backend.platforms:  # type: ignore[union-attr]
                _register(status)


def _register(status: BackendStatus) -> None:
    backend = status.backend
    assert backend is not None
    registry = get_registry()
    status.registered = True  # first, so that a backend that compiles something while it registers does not recurse
    try:
        # Registration is triggered by a lowering; arrays created by the kernels' modules must not become tracers.
        with jax.ensure_compile_time_eval():
            backend.register(registry)
    except (Exception, SystemExit) as error:
        status.fail(f"registering its kernels failed: {_describe(error)}")
        status.registered = False
        registry.withdraw(backend.name)
        _warn(status)


def _statuses() -> dict[str, BackendStatus]:
    global _found
    if _found is None:
        found: dict[str, BackendStatus] = {}
        faulty: list[BackendStatus] = []
        installed = importlib_metadata.entry_points(group=ENTRY_POINT_GROUP)
        others = sorted(installed, key=lambda e: (e.name, e.dist.name if e.dist else "", e.value))
        for entry in [_OWN, *others]:
            distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"
            if entry is _OWN:
                distribution = "brainevent-core"
            status = BackendStatus(entry.name, distribution, entry.value)
            rival = found.get(entry.name)
            if rival is None:
                found[entry.name] = status
                _inspect(status, entry)
            elif (rival.distribution, rival.reference) != (distribution, entry.value):
                # A distribution can be found twice (a wheel and an editable link); a different one is a conflict.
                status.fail(
                    f"the name is taken by {rival.distribution} ({rival.reference}); uninstall one of the two packages."
                )
                _conflicts.append(status)
            if status.broken:
                faulty.append(status)
        _found = found
        for status in faulty:  # last: a warning may raise an error, which must not leave an incomplete list
            _warn(status)
    return _found


def _inspect(status: BackendStatus, entry: importlib_metadata.EntryPoint) -> None:
    """Import the descriptor, and check whether the backend can run here; errors become the reason."""
    try:
        backend = entry.load()
    except (Exception, SystemExit) as error:
        status.fail(f"importing {status.reference} failed: {_describe(error)}")
        return
    fault = _contract_fault(status.name, backend)
    if fault:
        status.fail(fault)
        return
    status.backend = backend
    try:
        reason = backend.available()
    except (Exception, SystemExit) as error:
        status.fail(f"asking whether it is available failed: {_describe(error)}")
        return
    if reason is not None and not isinstance(reason, str):
        status.fail(f"available() returned {reason!r}, expected None or the reason as a string.")
    else:
        status.reason = reason


def _contract_fault(name: str, backend: object) -> str | None:
    if not isinstance(backend, Backend):
        return f"its entry point holds {type(backend).__name__}, expected a brainevent_core.plugins.Backend."
    for label, kind in (("name", str), ("api", int), ("priority", int)):
        value = getattr(backend, label)
        if not isinstance(value, kind):
            return f"{label} of its descriptor is {value!r}, expected {kind.__name__}."
    if not isinstance(backend.platforms, tuple) or not all(isinstance(p, str) for p in backend.platforms):
        return f"platforms of its descriptor is {backend.platforms!r}, expected a tuple of strings."
    for label, meaning in (("languages", "names to 'module:attribute'"), ("declines", "patterns to reasons")):
        value = getattr(backend, label)
        if not isinstance(value, Mapping) or not all(isinstance(x, str) for pair in value.items() for x in pair):
            return f"{label} of its descriptor is {value!r}, expected a mapping of {meaning}."
    for language in backend.languages:
        if not may_be_language(language):
            return f"languages of its descriptor has {language!r}, a name that does not end in {LANGUAGE_SUFFIX!r}."
    for pattern in backend.declines:
        try:
            re.compile(pattern)
        except re.error as error:
            return f"declines of its descriptor has {pattern!r}, which is no regular expression: {error}."
    if backend.cache is not None and not callable(backend.cache):
        return f"cache of its descriptor is {backend.cache!r}, expected None or a function."
    if backend.api != API_VERSION:
        older, newer = ("it", "brainevent-core") if backend.api < API_VERSION else ("brainevent-core", "it")
        return (
            f"it was written for version {backend.api} of the backend contract, this brainevent-core has version "
            f"{API_VERSION}: upgrade the package of {older} to match {newer}."
        )
    if backend.name != name:
        return f"its entry point is named {name!r}, its descriptor {backend.name!r}; they must agree."
    return None


def _describe(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)
    where = f" (at {place[-1].filename}:{place[-1].lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"


def _warn(status: BackendStatus) -> None:
    """Warn once per process and backend."""
    key = f"{status.name}/{status.distribution}"
    if key not in _warned:
        _warned.add(key)
        warnings.warn(
            f"brainevent leaves out the backend {status.name!r} of {status.distribution}: {status.reason}",
            BackendWarning,
            stacklevel=2,
        )
