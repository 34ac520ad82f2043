"""`planned_call`: a JAX operation that carries out a plan. Imports Numba at the first call."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from . import records
from .drivers import CUDA_FUNCTIONS, CudaDriver, Driver, host_driver
from .plan import Buffer, Plan

__all__ = ["build_for", "driver_for", "handler", "has_devices", "planned_call"]

_lock = threading.RLock()
_elsewhere: list[int] = []

#: JAX's names of the platforms, for FFI targets.
_PLATFORMS = {"cuda": "CUDA", "cpu": "cpu"}


def planned_call(
    plan: Plan,
    *arrays: jax.Array,
    outs: Sequence[jax.ShapeDtypeStruct],
    sizes: Sequence[int],
    platform: str,
    aliases: dict[int, int] | None = None,
) -> list[jax.Array]:
    """Carry out a plan on arrays, traced or not.

    Under `vmap` one call carries it out for every member of the batch, one after the other on the same stream.

    Args:
      plan: what is done.
      *arrays: its inputs.
      outs: shape and dtype of its outputs. Their contents are undefined where the plan leaves them as they are.
      sizes: the numbers of this call.
      platform: "cuda", or "cpu" to run the kernels there.
      aliases: positions of inputs, and of the outputs that are in their memory; under `vmap`, these inputs are mapped.

    Returns:
      The outputs.

    Raises:
      ValueError: if arrays or sizes aren't what the plan is for.
      KernelBuildError: if a kernel can't be compiled.
      jax.errors.JaxRuntimeError: when the computation runs, if a driver's function fails.
    """
    given = tuple(
        tuple(Buffer(np.dtype(one.dtype).itemsize, len(one.shape)) for one in some) for some in (arrays, outs)
    )
    if given != (plan.inputs, plan.outputs) or len(sizes) != plan.sizes:
        raise ValueError(
            f"The plan {plan.name!r} is for {plan.inputs} → {plan.outputs} and {plan.sizes} sizes, got {given[0]} → "
            f"{given[1]} and {len(sizes)}."
        )
    with _lock, jax.ensure_compile_time_eval():
        target = _target(platform)
        key = records.enter(plan, driver_for(platform))
    call = jax.ffi.ffi_call(target, list(outs), input_output_aliases=aliases, vmap_method="expand_dims")
    return list(call(*arrays, plan=np.int64(key), sizes=np.array(sizes, np.int64)))


def build_for(architectures: Sequence[int]) -> None:
    """Compile for devices of these architectures from now on, and for none that is here: their kernels can't run."""
    _elsewhere[:] = architectures
    driver_for.cache_clear()


def has_devices(platform: str) -> bool:
    """Whether kernels can run in this process; programs can be compiled for a machine elsewhere."""
    return platform == "cpu" or (not _elsewhere and bool(_architectures()))


@functools.cache
def handler() -> Any:
    """The handler of this process."""
    from .handler import compile_handler

    return compile_handler()


@functools.cache
def driver_for(platform: str) -> Driver:
    """Who carries out plans on a platform."""
    if platform == "cpu":
        return host_driver()
    if _elsewhere:
        return CudaDriver(dict.fromkeys(CUDA_FUNCTIONS, 0), _elsewhere)
    return CudaDriver.of_process(_architectures())


@functools.cache
def _target(platform: str) -> str:
    """The FFI target of a platform, registered at the first request."""
    name = f"{records.SYMBOL}_launcher"
    capsule = lambda: jax.ffi.pycapsule(handler().ctypes)  # noqa: E731
    # XLA on CPU has no use for the other stage: functions of the host are loaded when their plan is made.
    stages: Any = {"initialize": capsule(), "execute": capsule()} if platform == "cuda" else capsule()
    jax.ffi.register_ffi_target(name, stages, platform=_PLATFORMS[platform])
    return name


@functools.cache
def _architectures() -> list[int]:
    """Of the devices of this process, by their number; none where programs are compiled for a machine elsewhere."""
    try:
        devices: Sequence[Any] = jax.local_devices(backend="cuda")
    except RuntimeError:
        return []
    numbered = sorted(devices, key=lambda device: device.local_hardware_id)
    found = {device.local_hardware_id: int(device.compute_capability.replace(".", "")) for device in numbered}
    # Devices that this process doesn't use have numbers, too.
    fill = next(iter(found.values()), 0)
    return [found.get(number, fill) for number in range(max(found, default=-1) + 1)]
