"""Sampled dense-dense matrix multiplication (SDDMM): ``left @ right`` at the entries of a matrix only."""

from functools import partial
from typing import Any, NamedTuple

import jax

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core.encodings import FLOAT, Encoding
from brainevent_core.errors import MathError
from brainevent_core.formats import Format, Shape
from brainevent_core.ops.matmul import as_array, promote
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.primitives import sddmm_p

__all__ = ["sddmm"]


class _SddmmKey(NamedTuple):
    """The static parameters of an SDDMM."""

    format: Format
    shape: Shape
    transpose: bool
    encoding: Encoding
    backend: str | None


def sddmm(stored: MatrixSpec, left: Any, right: Any, *, backend: str | None = None) -> Any:
    """``(left @ right)[row, col]`` for every entry of a matrix, whose weights are not used.

    Args:
        stored: the matrix, (m, n), in its stored orientation.
        left: numbers or events, (m, k) or (m,).
        right: numbers or events, (k, n) or (n,).
        backend: name of the backend that must run it.

    Returns:
        One number per entry, in the shape of one weight per entry, with the promoted dtype and the product of the
        units. Entries that do not exist are 0.

    Raises:
        MathError: if shapes do not fit.
    """
    stored = stored.unannotated
    operands = [_operand(array) for array in (left, right)]
    (m, n), one, two = stored.shape, *(tuple(array.shape) for _, array in operands)
    vectors = one == (m,) and two == (n,)
    matrices = len(one) == len(two) == 2 and (one[0], two[1]) == (m, n) and one[1] == two[0]
    if not (vectors or matrices):
        raise MathError(
            f"The entries of a matrix {stored.shape} sample the product of arrays ({m}, k) and (k, {n}), or of vectors "
            f"({m},) and ({n},); got {one} and {two}."
        )
    # The primitive supports events only as its last operand.
    flip = operands[0][0] is not FLOAT
    (_, y), (encoding, x) = operands[::-1] if flip else operands
    if flip and operands[1][0] is not FLOAT:
        y = right.__event_spec__.numbers()
    y, x = (y.T, x) if flip else (y, x.T)
    return _sddmm(_SddmmKey(stored.format, stored.shape, flip, encoding, backend), stored.structure, y, x)


def _operand(array: Any) -> tuple[Encoding, Any]:
    """The encoding of an operand, and its array, decoded to one entry per number or event."""
    events = getattr(array, "__event_spec__", None)
    if events is None:
        return FLOAT, as_array(array)
    plain = events.plain()
    return plain.encoding, plain.array


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _sddmm(key: _SddmmKey, structure: tuple[Any, ...], y: Any, x: Any) -> Any:
    y, y_unit = units.detach(y)
    x, x_unit = units.detach(x)
    y, x = promote(y, x, key.encoding)
    sampled = sddmm_p(
        y,
        *structure,
        x,
        format=key.format,
        shape=key.shape,
        transpose=key.transpose,
        encoding=key.encoding,
        backend=key.backend,
    )
    return units.attach_product(sampled, y_unit, None if key.encoding.event else x_unit)
