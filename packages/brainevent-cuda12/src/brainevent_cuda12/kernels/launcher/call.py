"""`planned_call`: a JAX operation that executes a plan. Imports Numba at the first call."""

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
    """Execute a plan on arrays, traced or not.

    Under `vmap`, a single call executes it for all members of the batch, one after the other on the same stream.

    Args:
      plan: the plan to execute.
      *arrays: its inputs.
      outs: shapes and dtypes of its outputs. Elements that the plan doesn't write are undefined.
      sizes: the sizes of this call.
      platform: "cuda", or "cpu" to run the kernels there.
      aliases: maps positions of inputs to the outputs that share their memory; under `vmap`, these inputs are mapped.

    Returns:
      The outputs.

    Raises:
      ValueError: if arrays or sizes don't match the plan.
      KernelBuildError: if a kernel can't be compiled.
      jax.errors.JaxRuntimeError: when the computation runs, if a function of the driver fails.
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
    """From now on, compile for these architectures instead of the devices of this process; the kernels can't run."""
    _elsewhere[:] = architectures
    driver_for.cache_clear()


def has_devices(platform: str) -> bool:
    """Whether kernels can run in this process, rather than being compiled for another machine."""
    return platform == "cpu" or (not _elsewhere and bool(_architectures()))


@functools.cache
def handler() -> Any:
    """The handler of this process."""
    from .handler import compile_handler

    return compile_handler()


@functools.cache
def driver_for(platform: str) -> Driver:
    """The driver that executes plans on a platform."""
    if platform == "cpu":
        return host_driver()
    if _elsewhere:
        return CudaDriver(dict.fromkeys(CUDA_FUNCTIONS, 0), _elsewhere)
    return CudaDriver.of_process(_architectures())


@functools.cache
def _target(platform: str) -> str:
    """The FFI target of a platform, registered on first use."""
    name = f"{records.SYMBOL}_launcher"
    capsule = lambda: jax.ffi.pycapsule(handler().ctypes)  # noqa: E731
    # On CPU, the stage "initialize" isn't needed: functions of the host are loaded when their plan is recorded.
    stages: Any = {"initialize": capsule(), "execute": capsule()} if platform == "cuda" else capsule()
    jax.ffi.register_ffi_target(name, stages, platform=_PLATFORMS[platform])
    return name


@functools.cache
def _architectures() -> list[int]:
    """The architectures of the GPUs of this process, by local hardware id; empty without a GPU."""
    try:
        devices: Sequence[Any] = jax.local_devices(backend="cuda")
    except RuntimeError:
        return []
    numbered = sorted(devices, key=lambda device: device.local_hardware_id)
    found = {device.local_hardware_id: int(device.compute_capability.replace(".", "")) for device in numbered}
    # Devices that this process doesn't use have ids as well.
    fill = next(iter(found.values()), 0)
    return [found.get(number, fill) for number in range(max(found, default=-1) + 1)]
