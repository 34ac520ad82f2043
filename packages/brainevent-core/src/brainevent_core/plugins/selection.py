"""Selection of the kernel of a primitive, at lowering, when the platform is known."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from brainevent_core import config
from brainevent_core.config import EVENTS, REFERENCE, Request
from brainevent_core.errors import BackendWarning, KernelNotAvailableError
from brainevent_core.plugins import discovery
from brainevent_core.plugins.registry import Kernel, get_registry
from brainevent_core.plugins.takes import FirstOf, Takes, lists_nothing

__all__ = ["Selection", "ordered", "select", "warn_unbuilt"]

#: The platforms on which running the reference deserves a warning.
_ACCELERATORS = frozenset({"cuda", "rocm", "tpu"})

_warned: set[tuple[str, ...]] = set()

_ADVICE = ("", "cpu")


@dataclass(frozen=True)
class Selection:
    """The kernel that a primitive was lowered to.

    Attributes:
        primitive: name of the primitive.
        platform: the platform of the compilation.
        backend: the backend whose kernel runs, ``"events"`` for core's own, or ``"reference"``.
        kernel: the registered kernel; None for the reference.
        request: the request of the call.
        params: the static parameters of the call.
        declined: for each kernel that was not used, its backend and the reason.
        by_design: the reason if the reference runs because it is the right choice; otherwise None.
    """

    primitive: str
    platform: str
    backend: str
    kernel: Kernel | None
    request: Request | None
    params: dict[str, Any]
    declined: tuple[tuple[str, str], ...] = ()
    by_design: str | None = None


def select(
    primitive: str,
    platform: str,
    avals: Sequence[Any],
    params: dict[str, Any],
    *,
    request: Request | None = None,
    batched: bool = False,
    exporting: bool = False,
    only_platform: bool = True,
    partitioned: bool = False,
    unbuilt: Mapping[str, str] = MappingProxyType({}),
    ours: bool = False,
) -> Selection:
    """The kernel for a call: by request, then by priority, then core's own, then the reference.

    Args:
        primitive: name of the primitive.
        platform: the platform being compiled for.
        avals: abstract operands, without the mapped axes.
        params: the static parameters.
        request: the request of the call.
        batched: whether the operands have mapped axes; kernels that do not support these decline.
        exporting: whether the result must outlive the process.
        only_platform: whether ``platform`` is the only one being compiled for.
        partitioned: whether XLA partitions the program over several devices, outside ``shard_map``.
        unbuilt: backends whose kernel was selected before and couldn't be built, with the reason.
        ours: whether the primitive is one of brainevent's own, for which backends have kernels.

    Raises:
        KernelNotAvailableError: if the requested backend is unusable, or has no kernel and the request insists.
    """
    name = request.name if request else config.get_backend(platform)
    discovery.load_backends(platform)
    get_registry().mark_selected(primitive, platform)
    kernels = ordered(get_registry().kernels(primitive, platform))
    # A user's own kernel in a backend's language can run where that backend can't, such as Warp's on CPU.
    if name is not None and not any(kernel.backend == name for kernel in kernels):
        discovery.require_usable(name)

    accepted: list[Kernel] = []
    declined: list[tuple[str, str]] = []
    for kernel in kernels:
        reason = unbuilt.get(kernel.backend) or _why_not(
            kernel, avals, params, name, batched=batched, exporting=exporting, partitioned=partitioned
        )
        if reason is None:
            accepted.append(kernel)
        else:
            declined.append((kernel.backend, reason))

    chosen: Kernel | None
    if name == REFERENCE:
        chosen = None
    else:
        chosen = next((kernel for kernel in accepted if kernel.backend == name), None)
        if chosen is None:
            if request is not None and request.insist and (only_platform or _serves(request.name, platform)):
                raise KernelNotAvailableError(_lacking(primitive, platform, request, declined))
            chosen = accepted[0] if accepted else None

    by_design = None
    if chosen is None and name != REFERENCE:
        by_design = _why_left_to_xla(primitive, platform, avals, params)
        if by_design is None and platform in _ACCELERATORS and not exporting:
            _warn_reference(primitive, platform, declined)
    if ours and name is None and not exporting and platform == "cpu" and (chosen is None or chosen.backend == EVENTS):
        _advise_cpu_backend()
    backend = chosen.backend if chosen else REFERENCE
    return Selection(primitive, platform, backend, chosen, request, params, tuple(declined), by_design)


def ordered(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Kernels in the order in which they are tried: by priority, then by name; core's own last."""
    return sorted(
        kernels, key=lambda k: (k.backend == EVENTS, -discovery.priority_of(k.backend) - k.priority, k.backend)
    )


def _why_left_to_xla(primitive: str, platform: str, avals: Sequence[Any], params: dict[str, Any]) -> str | None:
    """Why a backend leaves the call to XLA; None if none does."""
    for left in get_registry().left_to_xla(primitive, platform):
        if left.calls is None or left.calls(*avals, **params):
            return f"{left.backend}: {left.because}"
    return None


def _why_not(
    kernel: Kernel,
    avals: Sequence[Any],
    params: dict[str, Any],
    name: str | None,
    *,
    batched: bool,
    exporting: bool,
    partitioned: bool,
) -> str | None:
    if kernel.on_request and kernel.backend != name:
        return f"it runs on request, e.g. `with brainevent.use_backend({kernel.backend!r})`"
    if batched and not kernel.batched:
        return "it takes no mapped axes"
    if exporting and not kernel.exportable:
        return "its compiled form cannot be exported"
    if partitioned and not kernel.partitionable:
        return "XLA cannot partition it over several devices; inside `jax.shard_map` each device runs it"
    if kernel.supports is None:
        return lists_nothing(params)
    try:
        if isinstance(kernel.supports, Takes | FirstOf):
            return kernel.supports.why_not(*avals, **params)
        return None if kernel.supports(*avals, **params) else "it declines these operands"
    except Exception as error:
        # Comparing symbolic dimensions raises; a kernel that can't decide declines the call. Any other exception is a
        # bug of the predicate and must surface.
        if all(isinstance(size, int) for aval in avals for size in aval.shape):
            raise
        return f"it cannot decide for symbolic shapes ({error})"


def _serves(name: str, platform: str) -> bool:
    status = discovery.find_backend(name)
    packaged = status is not None and status.backend is not None and platform in status.backend.platforms
    return packaged or any(kernel.backend == name for kernel in get_registry().kernels(platform=platform))


def _lacking(primitive: str, platform: str, request: Request, declined: Sequence[tuple[str, str]]) -> str:
    reason = dict(declined).get(request.name, "it has none registered")
    remedy = "strict=True" if request.strict else "backend="
    name = request.name
    return (
        f"Backend {name!r} was asked for by name, but has no kernel of {primitive!r} on {platform!r} for this call: "
        f"{reason}. Leave out {remedy} to let brainevent choose; `with brainevent.use_backend({name!r}):` prefers the "
        "backend where it has a kernel."
    )


def warn_unbuilt(selection: Selection, reason: str) -> None:
    """Warn, once per kernel and reason, that a selected kernel couldn't be built."""
    key = (selection.primitive, selection.backend, reason)
    if key in _warned:
        return
    _warned.add(key)
    warnings.warn(
        f"The kernel of {selection.primitive!r} in backend {selection.backend!r} could not be built here: {reason}. "
        "For such calls another kernel runs, or the slower reference.",
        BackendWarning,
        stacklevel=2,
    )


def _warn_reference(primitive: str, platform: str, declined: Sequence[tuple[str, str]]) -> None:
    if (primitive, platform) in _warned:
        return
    _warned.add((primitive, platform))
    unusable = [
        (status.name, status.reason.rstrip("."))
        for status in discovery.backends()
        if status.reason and (status.backend is None or platform in status.backend.platforms)
    ]
    reasons = [f"{name}: {reason}" for name, reason in [*unusable, *declined]]
    why = "; ".join(reasons) or "no installed backend has a kernel for it"
    warnings.warn(
        f"{primitive!r} runs on the reference kernel on {platform!r} ({why}). It is correct, but not event-driven.",
        BackendWarning,
        stacklevel=2,
    )


def _advise_cpu_backend() -> None:
    """Warn once per process that faster CPU kernels exist, unless a backend for CPU has registered kernels."""
    if _ADVICE in _warned or {kernel.backend for kernel in get_registry().kernels(platform="cpu")} > {EVENTS}:
        return
    _warned.add(_ADVICE)
    installed = [s for s in discovery.backends() if s.name != EVENTS and s.backend and "cpu" in s.backend.platforms]
    why = "; ".join(f"{s.name}: {s.reason}" for s in installed) or "none is installed"
    warnings.warn(
        f"No backend with native kernels for the CPU is in use ({why}): products run on core's own kernels, which are "
        "right but several times slower. `pip install 'brainevent[cpu]'` adds faster ones; "
        f"`brainevent.config.set_backend('cpu', '{EVENTS}')` or {config.ENVIRONMENT_VARIABLE}={EVENTS} says that these "
        "are meant.",
        BackendWarning,
        stacklevel=2,
    )
