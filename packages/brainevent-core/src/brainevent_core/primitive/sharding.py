"""The sharding of outputs on a mesh with explicit axes, where JAX makes it part of an array's type.

There are three cases, and a sharding rule is called only in the third:

- Inside ``shard_map``, each device binds the primitive to its own part. Outputs vary over every mesh axis over which
  any operand varies. This holds for every primitive.
- Under automatic partitioning, XLA decides the sharding. It doesn't partition kernels.
- On a mesh with explicit axes, abstract evaluation determines the sharding of the outputs of each bound primitive. They
  are replicated, unless a rule says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jax.sharding import PartitionSpec

from brainevent_core import _jax
from brainevent_core.errors import RegistrationError
from brainevent_core.primitive.vmap_axes import VmapAxis, as_list, batch_shape, number_mapped, unmapped_avals

__all__ = ["output_avals", "split_as"]


def output_avals(
    primitive: str,
    rule: Callable[..., Any] | None,
    outputs: Sequence[Any],
    avals: Sequence[Any],
    vmap_axes: Sequence[VmapAxis],
    static: dict[str, Any],
) -> list[Any]:
    """The abstract outputs with mapped axes; they vary like the operands, and are sharded as the rule says.

    Args:
        primitive: name of the primitive.
        rule: the sharding rule, see :meth:`XLACustomKernel.def_sharding_rule`; None if there is none.
        outputs: shapes and dtypes without mapped axes.
        avals: the abstract operands, with mapped axes.
        vmap_axes: mapped axes of the call.
        static: static parameters of the call.
    """
    batch = batch_shape(vmap_axes)
    mesh = None if rule is None else _jax.explicit_mesh(avals)
    if rule is None or mesh is None:
        return [_jax.shaped((*batch, *out.shape), out.dtype, avals) for out in outputs]
    given = [PartitionSpec(*_jax.partition(aval)[number_mapped(vmap_axes, i) :]) for i, aval in enumerate(avals)]
    found = rule(given, *unmapped_avals(vmap_axes, avals), **static)
    specs = [found] * len(outputs) if isinstance(found, PartitionSpec) else as_list(found)
    if len(specs) != len(outputs) or not all(isinstance(spec, PartitionSpec) for spec in specs):
        raise RegistrationError(
            f"The sharding rule of {primitive!r} returned {found!r} for {len(outputs)} outputs: expected a "
            "jax.sharding.PartitionSpec for all of them, or a sequence of one for each."
        )
    for out, spec in zip(outputs, specs):
        if len(spec) > len(out.shape):
            raise RegistrationError(
                f"The sharding rule of {primitive!r} returned {spec} for an output of shape {tuple(out.shape)}, which "
                "has fewer axes."
            )
    return [
        _jax.shaped((*batch, *out.shape), out.dtype, avals, split=(mesh, _padded(spec, len(batch), len(out.shape))))
        for out, spec in zip(outputs, specs)
    ]


def split_as(values: Sequence[Any], avals: Sequence[Any]) -> list[Any]:
    """Replicated values, sharded like the abstract outputs."""
    return [_jax.sharded_like(value, aval) if _jax.partition(aval) else value for value, aval in zip(values, avals)]


def _padded(spec: PartitionSpec, in_front: int, rank: int) -> PartitionSpec:
    """The spec of an output of the given rank with ``in_front`` leading mapped axes, which aren't split."""
    return PartitionSpec(*[None] * in_front, *spec, *[None] * (rank - len(spec)))
