"""Events as bits, 32 per word."""

from __future__ import annotations

from typing import Self

import numpy as np

from brainevent_core._typing import Array, OperandLike
from brainevent_core.encodings import BITPACKED, WORD_BITS
from brainevent_core.events.encoded import EncodedEvents, as_encodable, encode

__all__ = ["BitPackedBinary", "bitpack"]


class BitPackedBinary(EncodedEvents):
    """Spikes as bits, 32 per word: like :class:`BinaryArray`, with an eighth of the memory of booleans.

    Products give exactly the same results as ``BinaryArray(value)``. If the packed axis is the one that is summed,
    kernels read the words directly; along another axis the events are unpacked first.

    Args:
        value: array of bool, integers or floats, of rank 1 or 2 in products, in which entries that are nonzero
            (including NaN) or True are events; or other events. A quantity with a unit is accepted with a warning, and
            its unit is dropped.
        axis: the axis to pack. Use the last axis for ``spikes @ W``, and 0 for a batch in columns, ``W @ spikes``.

    There is no gradient with respect to ``value``.

    Raises:
        DTypeError: if the entries are complex.
        MathError: if there is no such axis.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> spikes = brainevent.BitPackedBinary(jnp.array([1, 0, 1, 0, 1]))
        >>> spikes.packed
        Array([21], dtype=uint32)
        >>> spikes @ jnp.arange(5.0)
        Array(6., dtype=float32)
    """

    __slots__ = ()
    _encoding = BITPACKED

    def __init__(self, value: OperandLike, *, axis: int = -1) -> None:
        array, axis = as_encodable(value, axis, type(self).__name__)
        length = array.shape[axis]
        self._set(encode(self._encoding, axis, -(-length // WORD_BITS), array), (axis, length))

    @property
    def packed(self) -> Array:
        """The words, uint32: event i of the packed axis is bit ``i % 32`` (0 is the lowest) of word ``i // 32``."""
        return self._array

    def _entries(self, positions: np.ndarray) -> np.ndarray:
        # In NumPy, so that printing events compiles nothing.
        words = np.ascontiguousarray(np.moveaxis(np.asarray(self._array), self.axis, -1)).astype("<u4")
        bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., : self.shape[self.axis]]
        return np.moveaxis(bits, -1, self.axis).reshape(-1)[positions]

    def with_value(self, value: OperandLike) -> Self:
        """Another array, packed along the same axis."""
        return type(self)(value, axis=self.axis)


def bitpack(value: OperandLike, axis: int = -1) -> BitPackedBinary:
    """Pack an array of spikes: ``BitPackedBinary(value, axis=axis)``."""
    return BitPackedBinary(value, axis=axis)
