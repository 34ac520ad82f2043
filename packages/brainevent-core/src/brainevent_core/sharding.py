"""Matrices that are split over devices and hosts, and the exchange of spikes between them.

::

    mesh = jax.make_mesh((jax.device_count(),), ("x",))
    split = brainevent.sharding.Split(mesh, "x")
    conn = brainevent.connect.fixed_indegree(n, n, 1000, seed=0, format="csc", split=split)

    currents = brainevent.BinaryArray(spikes) @ conn

Each device stores the synapses of some postsynaptic neurons and sums their inputs; only spikes are communicated.
``docs/guide/devices.md`` has the details.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._jax import manual_axes
from brainevent_core._typing import OperandLike
from brainevent_core.encodings import BINARY, COMPACT, WORD_BITS, is_event
from brainevent_core.encodings.bitpacked import pack
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.events import BinaryArray, BitPackedBinary
from brainevent_core.formats import Split
from brainevent_core.matrices.blocks import shard, unshard
from brainevent_core.ops import everywhere, exchange_events
from brainevent_core.ops.matmul import as_array

__all__ = ["Split", "exchange", "shard", "unshard"]


def exchange(events: OperandLike, axis: str | Split, *, capacity: int | None = None) -> BinaryArray | BitPackedBinary:
    """The spikes of all devices, on each of them.

    Spikes of several steps, (steps, n), can be exchanged at once: if the smallest delay is m steps, those of m steps,
    see :meth:`brainevent.DelayRing.add_steps`. This saves time because latency takes longer than the transfer of bytes.

    Args:
        events: inside ``shard_map``, those of this device's neurons, (n,) or (batch, n), with the same shape on all
            devices: events, or a plain array in which nonzero entries are events. Outside, those of all neurons.
        axis: the name of the axis of the mesh; outside ``shard_map`` a :class:`Split`, along whose axis the events are
            split.
        capacity: the maximal number of spikes that a device lists, for each vector. Lists are exchanged with 4 bytes
            per spike, instead of bits with 1 byte per 8 neurons. If any device has more spikes, which all devices see
            from the counts that come with the lists, bits are exchanged as well. None: only bits. Lists are not used if
            they are no shorter than the bits, or for floats.

    Returns:
        The events of all devices, (devices · n,) or (batch, devices · n), in the order of the devices: packed, if n is
        a multiple of 32, and otherwise as booleans. Float events stay floats, zeros and ones, with the straight-through
        derivative.

    Raises:
        MathError: for the name of an axis outside a ``shard_map`` over it, for another rank, or if the neurons can't be
            divided evenly.
        DTypeError: for complex numbers.

    Example:
        >>> import brainevent, jax, jax.numpy as jnp
        >>> mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
        >>> P = jax.sharding.PartitionSpec
        >>> def step(spikes):
        ...     return brainevent.sharding.exchange(spikes, "x").value
        >>> everywhere = jax.shard_map(step, mesh=mesh, in_specs=P("x"), out_specs=P("x"))
        >>> everywhere(jnp.array([True, False, True]))
        Array([ True, False,  True], dtype=bool)
    """
    split = axis if isinstance(axis, Split) else None
    name = axis.axis if isinstance(axis, Split) else axis
    inside = name in manual_axes()
    if not inside and split is None:
        raise MathError(
            f"exchange by the name of an axis is for the program of one device, inside jax.shard_map over {name!r}. "
            "Outside of one, a product with a matrix that is split exchanges spikes by itself, and "
            "`exchange(events, split)` takes a Split."
        )
    given = getattr(events, "__event_spec__", None)
    array = units.detach(as_array(events) if given is None else given.decoded())[0]
    if array.ndim not in (1, 2):
        raise MathError(f"exchange takes the spikes of neurons, (n,) or (batch, n), got shape {tuple(array.shape)}.")
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise DTypeError(f"Spikes are booleans or real numbers, got dtype {array.dtype}.")
    array = array.T
    devices = jax.lax.axis_size(name) if inside or split is None else split.devices
    if not inside and array.shape[0] % devices:
        raise MathError(f"{array.shape[0]} neurons can't be shared evenly by {devices} devices.")
    n = array.shape[0] if inside else array.shape[0] // devices
    words = -(-n // WORD_BITS)
    if devices == 1 and not inside:
        return BinaryArray(array.T)
    if capacity is None or 1 + capacity >= words or jnp.issubdtype(array.dtype, jnp.floating):

        def travel(array: Any) -> Any:
            return exchange_events(BINARY, array, name)[1]

    else:
        lists = capacity

        def travel(array: Any) -> Any:
            return _exchange_lists(is_event(array), name, lists)

    found = travel(array) if inside or split is None else everywhere(split, travel, array)
    if n % WORD_BITS or jnp.issubdtype(array.dtype, jnp.floating):
        return BinaryArray(found.T)
    return BitPackedBinary._unflatten((-1, n * devices), (found.T,))


def _exchange_lists(mask: Any, axis: str, capacity: int) -> Any:
    """The events of all devices, communicated as lists if no device has more than ``capacity``."""
    n = mask.shape[0]
    devices = jax.lax.axis_size(axis)
    listed = COMPACT.encode(mask, 1 + capacity)  # type: ignore[misc]
    listed = listed.at[0].set(jnp.count_nonzero(mask, axis=0).astype(jnp.int32))
    lists = jax.lax.all_gather(listed, axis)

    def of_lists() -> Any:
        parts = jax.vmap(lambda one: COMPACT.decode(one, n))(lists)
        events = parts.reshape(devices * n, *mask.shape[1:])
        return pack(events, devices * n // WORD_BITS) if n % WORD_BITS == 0 else events

    def of_bits() -> Any:
        return exchange_events(BINARY, mask, axis)[1]

    # Every device has the counts of all devices, so all take the same branch.
    return jax.lax.cond(jnp.all(lists[:, 0] <= capacity), of_lists, of_bits)
