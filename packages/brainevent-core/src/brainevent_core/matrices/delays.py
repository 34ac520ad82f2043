"""The delays of a matrix: conversions between the user's and the stored form, and checks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._arrays import remembered
from brainevent_core.errors import DTypeError, MathError, StructureError, UnsupportedOperationError
from brainevent_core.formats import DELAY, INT32_MAX, InBlocks
from brainevent_core.matrices.annotations import annotated, annotations_of
from brainevent_core.matrices.arguments import as_index_array, as_integers
from brainevent_core.ops import MatrixSpec

if TYPE_CHECKING:
    from brainevent_core.matrices.stored import StoredMatrix

__all__ = ["as_delay", "delay_of", "delays_of_entries", "narrowed", "require_slots", "with_steps"]

_Stored = TypeVar("_Stored", bound="StoredMatrix")

_seen: Any = {}


def as_delay(delay: Any, spec: MatrixSpec, *, check: bool = True) -> Any:
    """Delays in the form in which a matrix stores them, in the matrix's orientation.

    Args:
        delay: one for all; (rows,) or (rows, 1), one for each row; (1, columns); or one for each entry, in the shape of
            the weights, which has priority if a shape is ambiguous.
        spec: the matrix.
        check: whether to check the values.

    Raises:
        DTypeError: if they are not integers.
        MathError: if their shape is none of these.
        StructureError: if one is less than 1.
        UnsupportedOperationError: if the matrix stores every element.
    """
    if spec.stores_all:
        raise UnsupportedOperationError(
            "A dense matrix has no synapses of their own, so it can't have delays: make one of another format, "
            "`brainevent.CSR.fromdense(dense).with_delay(...)`."
        )
    if isinstance(delay, units.Quantity):
        raise DTypeError(
            f"Delays are whole steps, got a quantity in {delay.unit}: `brainevent.steps(time, dt)` makes steps of it."
        )
    array = as_integers("delay", delay) if _holds_integers(delay) else None
    if array is None:
        raise DTypeError(
            f"Delays are whole steps, got {getattr(delay, 'dtype', type(delay).__name__)}: convert them with "
            "`.astype('int32')`, or make steps of times with `brainevent.steps(time, dt)`."
        )
    array = narrowed(array)
    if isinstance(spec.format, InBlocks):
        return _as_delay_of_blocks(array, spec.format, spec, check=check)
    per_entry = tuple(spec.format.weights_shape(spec.structure, spec.shape))
    rows, columns = spec.matrix_shape
    given = tuple(array.shape)
    if given in ((), (1,)):
        array = array.reshape(1)
    elif given == per_entry:
        array = array.reshape(-1)
    elif given in ((rows,), (rows, 1)):
        array = array.reshape(rows, 1)
    elif given != (1, columns):
        raise MathError(
            f"delay of a matrix of shape {(rows, columns)} is one number for all, one for each row (presynaptic "
            f"neuron) of shape ({rows},), or one for each entry of shape {per_entry}; got {given}."
        )
    return as_index_array(_checked(array, spec) if check else array)


def _as_delay_of_blocks(array: Any, fmt: Any, spec: MatrixSpec, *, check: bool) -> Any:
    """Delays of a matrix in blocks; their first axis is the blocks."""
    per_entry = tuple(fmt.weights_shape(spec.structure, spec.shape))
    given = tuple(array.shape)
    if given in ((), (1,)):
        delay = _checked(array, spec) if check else array
        return _of_each_block(delay, fmt)
    if given != per_entry:
        raise MathError(
            f"delay of a matrix that is split over devices is one number for all, or one for each entry, of shape "
            f"{per_entry}, the blocks in front; got {given}. Give other delays to the matrix before it is split, or to "
            "the rule that draws it, `connect.fixed_indegree(..., delay=, split=)`."
        )
    return as_index_array(array).reshape(per_entry[0], -1)


def _of_each_block(delay: Any, fmt: Any) -> Any:
    """One delay for all, repeated for each block."""
    shape = (fmt.blocks_here, 1)
    if isinstance(delay, jax.core.Tracer) or fmt.is_local:
        return jnp.broadcast_to(as_index_array(delay).reshape(1, 1), shape)
    host = np.broadcast_to(np.asarray(delay).reshape(1, 1), shape)
    return jax.make_array_from_callback(shape, fmt.split(transposed=False).sharding, lambda where: host[where])


def _checked(array: Any, spec: MatrixSpec) -> Any:
    if not isinstance(array, jax.core.Tracer):
        low, high = _extremes(array)
        if low < 1 or high > INT32_MAX:
            raise StructureError(DELAY.check_values(SimpleNamespace(delay=np.asarray(array)), spec.shape))
    return array


def delay_of(spec: MatrixSpec) -> Any:
    """The delays of a matrix as users see them, see :attr:`StoredMatrix.delay`; None if it has none."""
    found = [arrays[0] for component, arrays in annotations_of(spec) if component is DELAY]
    front = int(isinstance(spec.format, InBlocks))  # the blocks
    if not found or found[0].ndim == 2 + front or found[0].shape[front:] == (1,):
        return found[0] if found else None
    return found[0].reshape(spec.format.weights_shape(spec.structure, spec.shape))


def delays_of_entries(spec: MatrixSpec) -> Any:
    """The delays of a matrix in which each entry has its own, (nse,); None for other matrices."""
    found = [array for component, arrays in annotations_of(spec) if component is DELAY for array in arrays]
    return found[0] if found and found[0].ndim == 1 and found[0].shape[0] != 1 else None


def with_steps(matrix: _Stored, delay: Any) -> _Stored:
    """The matrix with delays as :func:`as_delay` gives them, or with none."""
    others = [one for one in annotations_of(matrix.__matrix_spec__) if one[0] is not DELAY]
    return annotated(matrix, others if delay is None else [*others, (DELAY, [delay])])


def _holds_integers(delay: Any) -> bool:
    if isinstance(delay, (jax.Array, np.ndarray)):
        return bool(jnp.issubdtype(delay.dtype, jnp.integer))
    if hasattr(delay, "__jax_array__"):
        return True
    return bool(np.asarray(delay).dtype.kind in "iu" or np.size(delay) == 0)


def narrowed(array: Any) -> Any:
    """Concrete 64-bit delays, converted to the smallest dtype that holds them: uint8, uint16 or int32."""
    if array.dtype.itemsize < 8 or isinstance(array, jax.core.Tracer):
        return array
    array = np.asarray(array)
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.int32).max):
        return array
    largest = int(array.max(initial=0))
    return array.astype(next(dtype for dtype in (np.uint8, np.uint16, np.int32) if largest <= np.iinfo(dtype).max))


def require_slots(delay: Any, slots: int, least: int = 1) -> None:
    """Check that concrete delays fit into a ring with this number of slots.

    Args:
        delay: delays of a matrix.
        slots: number of slots of the ring.
        least: number of steps whose spikes are delivered at once, which is the smallest possible delay.

    Raises:
        StructureError: if one is ``slots`` or more, or less than ``least``.
    """
    if isinstance(delay, jax.core.Tracer):
        return
    low, high = _extremes(delay)
    if 1 <= low < least:
        raise StructureError(
            f"Spikes of {least} steps at once arrive later than in these steps, and the smallest delay is {low}: "
            f"deliver those of {low} at once."
        )
    if low < 1 or high >= slots:
        raise StructureError(
            f"In a ring of {slots} slots delays are from 1 to {slots - 1} steps, got {low if low < 1 else high}: "
            + ("an event can't arrive now or before." if low < 1 else f"make the ring with slots={high + 1} or more.")
        )


def _extremes(delay: Any) -> tuple[int, int]:
    """The smallest and the largest of concrete delays; (1, 1) if there are none."""

    def find() -> tuple[int, int]:
        if isinstance(delay, jax.Array) and not delay.is_fully_addressable:
            # Of this process's shards; other processes check theirs.
            values = np.concatenate([np.asarray(shard.data).reshape(-1) for shard in delay.addressable_shards])
        else:
            values = np.asarray(delay)
        return (int(values.min()), int(values.max())) if values.size else (1, 1)

    return remembered(_seen, (), (delay,), find)
