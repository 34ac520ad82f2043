"""One case, run on a backend and on the reference."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from brainevent_core import config
from brainevent_core.errors import KernelNotAvailableError
from brainevent_core.plugins import Selection, get_registry
from brainevent_core.plugins.discovery import find_backend, load_backends, require_usable
from brainevent_core.primitive import get_primitive
from brainevent_core.testing.conformance.case import ConformanceCase, Outcome
from brainevent_core.testing.conformance.comparison import difference
from brainevent_core.testing.conformance.diagnosis import diagnosis
from brainevent_core.testing.conformance.tables import TABLES
from brainevent_core.testing.conformance.transforms import DRAWS, transformed
from brainevent_core.testing.numerics import x64

__all__ = [
    "check_conformance",
    "declines_of",
    "device_of",
    "platform_of",
    "primitives_of",
    "repeat",
    "stand_in",
    "why_declined",
]


@contextlib.contextmanager
def stand_in(backend: str, platform: str | None) -> Iterator[None]:
    """Inside the block, a backend is tested on a platform that replaces those of its devices; None: on its devices.

    Raises:
        KernelNotAvailableError: if the backend is not installed, or has no stand-in for its devices on that platform.
    """
    status = find_backend(backend)
    if platform is None or (status is not None and status.stand_in == platform):
        yield
        return
    if status is None or status.backend is None:
        require_usable(backend)
    offered = status.backend.stand_ins if status is not None and status.backend is not None else {}
    if status is None or platform not in offered:
        raise KernelNotAvailableError(
            f"On {platform!r} nothing stands in for the devices of the backend {backend!r}; the platforms on which "
            f"something does: {', '.join(offered) or 'none'}."
        )
    registry = get_registry()
    with jax.ensure_compile_time_eval():
        offered[platform](registry)
    status.stand_in = platform
    try:
        yield
    finally:
        status.stand_in = None
        registry.withdraw(backend, platform=platform)


def device_of(backend: str) -> jax.Device:
    """The device on which a backend is tested.

    Raises:
        KernelNotAvailableError: if the backend is not installed or can't be used, with the reason.
        RuntimeError: if this machine has no device of its platforms.
    """
    require_usable(backend)
    status = find_backend(backend)
    if status is not None and status.stand_in is not None:
        return jax.devices(status.stand_in)[0]
    if status is not None and status.backend is not None:
        platforms: Sequence[str] = status.backend.platforms
    else:  # kernels that were registered in this process, without a package
        platforms = sorted({kernel.platform for kernel in get_registry().kernels() if kernel.backend == backend})
    reasons = []
    for platform in platforms:
        try:
            return jax.devices(platform)[0]
        except RuntimeError as error:
            reasons.append(f"{platform}: {error}")
    raise RuntimeError(f"The backend {backend!r} has no device here to be tested on: {'; '.join(reasons)}")


def primitives_of(backend: str, device: jax.Device) -> tuple[str, ...]:
    """The primitives for which a backend has kernels on a device, sorted."""
    platform = platform_of(device)
    load_backends(platform)
    require_usable(backend)  # it may have failed while it was loaded
    return tuple(
        sorted({kernel.primitive for kernel in get_registry().kernels(platform=platform) if kernel.backend == backend})
    )


def declines_of(backend: str) -> Mapping[str, str]:
    """The calls that a backend declares to decline: pattern of the names of cases → reason."""
    status = find_backend(backend)
    return status.backend.declines if status is not None and status.backend is not None else {}


def check_conformance(case: ConformanceCase, backend: str) -> Outcome:
    """Run one case on a backend and on the reference, and compare. Inputs are random, but always the same for a case.

    Args:
        case: the case.
        backend: name of the backend.

    Returns:
        The outcome: "passed" if a kernel of the backend ran and gave the same result as the reference, "failed" if it
        raised an error or gave another result, "declined" if the backend had no kernel for the call.

    Raises:
        KernelNotAvailableError: if there is no such backend, or it can't be used.

    Example:
        >>> from brainevent_core.testing import check_conformance, conformance_cases
        >>> case = next(conformance_cases(["matmul"], whole=True))
        >>> check_conformance(case, "numba").verdict  # doctest: +SKIP
        'passed'
    """
    table, rng = TABLES[case.primitive], np.random.default_rng(case.seed)
    calls = [table.draw(case, rng) for _ in range(DRAWS)]
    primitive = get_primitive(case.primitive)

    def on_reference(*operands: Any, **params: Any) -> Any:
        with config.use_backend(config.REFERENCE):
            return primitive(*operands, **params)

    def run(name: str) -> list[Any]:
        with config.use_backend(name):
            found = transformed(case["transform"], lambda *operands: primitive(*operands, **calls[0].params), calls)
            return [np.asarray(array) for array in found]

    with x64(case.get("dtype", "") == "float64"), jax.default_device(device_of(backend)):
        config.invalidate_compiled()  # cached programs would record no kernel
        with get_registry().record() as selections:
            try:
                found = run(backend)
            except Exception as error:
                return _failed(case, backend, f"raised {_first_lines(error)}")
        if not any(selection.backend == backend for selection in selections):
            return _declined(case, backend, selections)
        text = difference(found, run(config.REFERENCE), calls[0].precision)
        if text is None:
            return Outcome.of(case, "passed")
        explained = diagnosis(case, on_reference, calls, found)
    return _failed(case, backend, text + (f". It looks like {explained}" if explained else ""))


def platform_of(device: jax.Device) -> str:
    """The platform for which kernels are registered; JAX calls the devices of several platforms "gpu"."""
    if device.platform != "gpu":
        return str(device.platform)
    return "rocm" if "rocm" in device.client.platform_version.lower() else "cuda"


def why_declined(backend: str, selections: Sequence[Selection]) -> str:
    """Why no compiled primitive runs on a backend, in words."""
    reasons = [dict(s.declined).get(backend, "it has no kernel of this primitive") for s in selections]
    return "; ".join(dict.fromkeys(reasons)) or "nothing was compiled"


def _declined(case: ConformanceCase, backend: str, selections: Sequence[Selection]) -> Outcome:
    for pattern, reason in declines_of(backend).items():
        if re.search(pattern, str(case)):
            return Outcome.of(case, "declined", reason, named=True)
    said = why_declined(backend, selections)
    return Outcome.of(case, "declined", f"{said}. Name it in the `declines` of the backend's descriptor, with a reason")


def _failed(case: ConformanceCase, backend: str, what: str) -> Outcome:
    return Outcome.of(case, "failed", f"{what}.\n{repeat(case, backend)}")


def repeat(case: ConformanceCase, backend: str) -> str:
    """The command that runs one case again."""
    status = find_backend(backend)
    platform = f" --platform {status.stand_in}" if status is not None and status.stand_in else ""
    return f"    python -m brainevent.testing --backend {backend}{platform} --case {case}"


def _first_lines(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {' '.join(lines[:3])}"
