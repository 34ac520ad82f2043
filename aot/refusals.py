"""Kernels that Mosaic must reject. If it accepts one, either Mosaic now supports it, or the check is ineffective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["refusals"]


def refusals() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Functions and their abstract arguments, by the reason for which they must be rejected."""
    import jax
    import jax.numpy as jnp
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import tpu

    def array(*shape: int, dtype: Any = jnp.float32) -> Any:
        return jax.ShapeDtypeStruct(shape, dtype)

    def double(x: Any, out: Any) -> None:
        out[...] = x[...] * 2

    def look_up(x: Any, indices: Any, out: Any) -> None:
        out[...] = jnp.take_along_axis(x[...], indices[...], axis=1)

    def scalar_sums(x: Any, out: Any) -> None:
        out[0, x[0, 0]] = 1.0

    def one_row(x: Any, out: Any, row: Any, done: Any) -> None:
        copy = tpu.make_async_copy(x.at[pl.ds(3, 1)], row, done)
        copy.start()
        copy.wait()
        out[...] = row[...]

    scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
    scratch = [tpu.VMEM((1, 256), jnp.bfloat16), tpu.SemaphoreType.DMA]

    def call(body: Any, out: Any, **specs: Any) -> Any:
        return pl.pallas_call(body, out_shape=out, name="refused", **specs)

    sums = array(1, 300_000)
    return {
        "more than vector memory": (call(double, array(8192, 8192)), (array(8192, 8192),)),
        "more than scalar memory": (
            call(scalar_sums, sums, in_specs=[scalar], out_specs=scalar),
            (array(1, 8, dtype=jnp.int32),),
        ),
        "gather over more than one register": (
            call(look_up, array(8, 256)),
            (array(8, 256), array(8, 256, dtype=jnp.int32)),
        ),
        "a row of bfloat16": (
            call(one_row, array(1, 256, dtype=jnp.bfloat16), in_specs=[memory], scratch_shapes=scratch),
            (array(64, 256, dtype=jnp.bfloat16),),
        ),
    }
