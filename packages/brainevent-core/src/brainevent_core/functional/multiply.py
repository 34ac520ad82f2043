"""The common implementation of products on bare arrays: a matrix that is used once."""

from __future__ import annotations

from brainevent_core._typing import Array, OperandLike, Quantity
from brainevent_core.errors import MathError
from brainevent_core.events import BinaryArray, EventRepresentation
from brainevent_core.matrices import DataRepresentation
from brainevent_core.ops import matrix_product
from brainevent_core.ops.matmul import as_array

__all__ = ["as_events", "multiply"]

_NOUNS = {"mv": "vector", "mm": "matrix"}


def multiply(
    name: str, matrix: DataRepresentation, x: OperandLike, rank: int, transpose: bool, backend: str | None
) -> Array | Quantity:
    """``matrix @ x``, or ``matrix.T @ x``, for the public function ``name``.

    Args:
        name: ends in mv or mm; errors name the corresponding function for the other rank.
        rank: what x must have: 1 for mv, 2 for mm.

    Raises:
        MathError: if x has another rank.
    """
    array = x if isinstance(x, EventRepresentation) else as_array(x)
    if array.ndim != rank:
        suffixes = list(_NOUNS)
        suffix, other = suffixes if rank == 1 else suffixes[::-1]
        raise MathError(
            f"{name} multiplies a {_NOUNS[suffix]}, got shape {tuple(array.shape)}; a {_NOUNS[other]} is for "
            f"{name.removesuffix(suffix)}{other}."
        )
    stored = matrix.__matrix_spec__
    # The flag instead of `matrix.T`, which copies a dense matrix.
    stored = stored._replace(transposed=stored.transposed != bool(transpose))
    return matrix_product(stored, array, from_left=False, backend=backend)


def as_events(x: OperandLike) -> EventRepresentation:
    """Events unchanged, and the nonzero entries of anything else as events."""
    return x if isinstance(x, EventRepresentation) else BinaryArray(x)
