"""A format, a component and an encoding that no kernel knows, as a third party would add them.

``BLOCKS`` stores blocks of 2 x 2 elements; ``MASK`` disables individual entries; ``TERNARY`` represents -1, 0 and 1.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings import Encoding
from brainevent_core.events import EventRepresentation
from brainevent_core.formats import Component, Format, random_indices
from brainevent_core.matrices import CSR, StoredMatrix
from brainevent_core.ops import EventSpec

# -- a format ----------------------------------------------------------------------------------------------------------


def _corners(structure: Any, shape: Any) -> tuple[Any, Any]:
    row, col = (2 * at.astype(jnp.int32)[:, None, None] for at in (structure.block_row, structure.block_col))
    grid = jnp.arange(2, dtype=jnp.int32)
    index = jnp.broadcast_arrays(row + grid[:, None], col + grid)
    outside = (row < 0) | (col < 0)  # a block with a negative index is outside as a whole
    return jnp.where(outside, -1, index[0]).reshape(-1), jnp.where(outside, -1, index[1]).reshape(-1)


def _draw_blocks(rng: np.random.Generator, shape: Any, per_row: int, malformed: bool, dtype: str) -> Any:
    count = max(shape[0] * per_row // 4, 1)
    return [random_indices(rng, -(-n // 2), count, malformed=malformed).astype(dtype) for n in shape]


BLOCKS = Format(
    name="blocks",
    structure=("block_row", "block_col"),
    data_shape=lambda structure, shape: (structure.block_row.shape[0], 2, 2),
    coordinates=_corners,
    draw=_draw_blocks,
)


class Blocks(StoredMatrix):
    """A matrix of blocks: ``Blocks((data, block_row, block_col), shape=shape)``."""

    _format = BLOCKS

    def _transpose(self) -> "Blocks":
        row, col = self._structure
        data = jnp.swapaxes(self.data, 1, 2) if self.data.ndim == 3 else self.data
        return Blocks((data, col, row), shape=self.shape[::-1], check=False)


# -- a component -------------------------------------------------------------------------------------------------------

MASK = Component(
    name="mask",
    structure=("alive",),
    lengths=lambda nse, shape: (nse,),
    remedy="alive has one number for each entry.",
    coordinates=lambda row, col, structure, shape: (jnp.where(structure.alive != 0, row, -1), col),
    draw=lambda rng, nse, shape, malformed: [rng.integers(0, 2, nse).astype(np.int8)],
)


class MaskedCSR(CSR):
    """A CSR matrix with some entries disabled."""

    @classmethod
    def of(cls, matrix: CSR, alive: Any) -> "MaskedCSR":
        """The matrix with only the entries for which ``alive`` is nonzero."""
        spec = matrix.__matrix_spec__
        structure = (*spec.structure, jnp.asarray(alive))
        return cls.tree_unflatten((matrix.shape, spec.format.with_component(MASK)), (spec.data, *structure))


# -- an encoding -------------------------------------------------------------------------------------------------------

TERNARY = Encoding(
    "ternary",
    event=False,
    decode=lambda x, n: jnp.sign(x).astype(jnp.float32),
    dtype=np.int8,
    draw=lambda rng, mask, malformed, dtype: np.where(mask, rng.choice([-3, 1, 7], mask.shape), 0).astype(np.int8),
)


class Ternary(EventRepresentation):
    """Numbers of which only the sign matters."""

    __slots__ = ()

    def __init__(self, value: Any) -> None:
        self._set(jnp.asarray(value, jnp.int8), None)

    @property
    def value(self) -> Any:
        """The numbers."""
        return self._array

    @property
    def __event_spec__(self) -> EventSpec:
        return EventSpec(TERNARY, self._array)
