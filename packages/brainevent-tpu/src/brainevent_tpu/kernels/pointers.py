"""The pointers of compressed rows, sanitised as in every backend, see :func:`brainevent_core.formats.row_bounds`.

This is a separate kernel, because XLA moves a custom call out of a loop if its operands don't change. It moves only a
part of its own cumulative maximum, which also takes several times as long to compile.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from .device import some_tpu

__all__ = ["sane_pointers"]

_UNROLLED = 8


def sane_pointers(indptr: jax.Array, nse: int, *, interpret: Any = False) -> jax.Array:
    """Pointers of int32 or uint32, clipped to [0, nse] and replaced by their running maximum, as int32."""
    if indptr.dtype == jnp.uint32:
        indptr = jnp.minimum(indptr, nse).astype(jnp.int32)
    (count,) = indptr.shape
    memory = pl.BlockSpec(memory_space=pl.ANY)

    def body(source: Any, out: Any, pointers: Any, done: Any) -> None:
        def move(what: Any, where: Any) -> None:
            copy = tpu.make_async_copy(what, where, done)
            copy.start()
            copy.wait()

        def corrected(at: Any, highest: Any, several: int) -> Any:
            read = [jnp.minimum(pointers[at + i], nse) for i in range(several)]
            for i, pointer in enumerate(read):
                highest = jnp.maximum(highest, pointer)
                pointers[at + i] = highest
            return highest

        move(source, pointers)
        groups = count // _UNROLLED
        highest = jax.lax.fori_loop(
            0, groups, lambda i, highest: corrected(i * _UNROLLED, highest, _UNROLLED), jnp.int32(0)
        )
        corrected(groups * _UNROLLED, highest, count - groups * _UNROLLED)
        move(pointers, out)

    call = pl.pallas_call(
        body,
        in_specs=[memory],
        out_specs=memory,
        out_shape=jax.ShapeDtypeStruct((count,), jnp.int32),
        scratch_shapes=[tpu.SMEM((count,), jnp.int32), tpu.SemaphoreType.DMA],
        name="pointers",
        interpret=interpret,
    )
    with some_tpu():
        out: jax.Array = call(indptr)
    return out
