"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from brainevent_core.primitive.vmap_axes import VmapAxis, number_of_members, vmap_over

from . import delays, encoding, jitc, matmul, plasticity

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""
    kernels: tuple[tuple[str, Any, Any, dict[str, bool]], ...] = (
        ("matmul", matmul.matmul, matmul.supports_matmul, {}),
        ("sddmm", _of_members(matmul.sddmm), matmul.supports_sddmm, {}),
        ("stdp_update", plasticity.stdp_update, plasticity.supports_stdp_update, {"in_place": True}),
        ("deliver", delays.deliver, delays.supports_deliver, {"in_place": True}),
        ("take_slot", delays.take_slot, delays.supports_take, {"in_place": True}),
        ("encode_events", _of_members(encoding.encode_events), encoding.supports_encoding, {}),
        ("jitc_matmul", _of_members(jitc.matmul), jitc.supports_matmul, {}),
        ("jitc_to_dense", _of_members(jitc.elements), jitc.supports_writing, {}),
        ("jitc_to_coo", _of_members(jitc.entries), jitc.supports_writing, {}),
    )
    for primitive, kernel, supports, abilities in kernels:
        abilities = {"exportable": False, "batched": True, **abilities}
        registry.register_kernel(primitive, "cpu", kernel, backend="numba", supports=supports, **abilities)


def _of_members(kernel: Callable[..., list[jax.Array]]) -> Callable[..., list[jax.Array]]:
    """Lift a kernel for unmapped operands to mapped axes: native calls find the members of a batch themselves."""

    @functools.wraps(kernel)
    def batched(*operands: jax.Array, batch: Sequence[VmapAxis] = (), **static: Any) -> list[jax.Array]:
        run = functools.partial(kernel, members=number_of_members(batch), **static)
        outputs: list[jax.Array] = vmap_over(run, batch)(*operands)
        return outputs

    return batched
