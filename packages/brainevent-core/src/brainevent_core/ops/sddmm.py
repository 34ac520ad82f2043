"""``left @ right`` where a matrix has entries, and nowhere else."""

from functools import partial
from typing import Any, NamedTuple

import jax

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.formats import get_operand
from brainevent_core.ops.matmul import as_array, promote
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.primitives import sddmm_p

__all__ = ["sddmm"]


class _CallKey(NamedTuple):
    """What is static about a sampled product."""

    format: str
    shape: tuple[int, int]
    transpose: bool
    operand: str
    backend: str | None


def sddmm(stored: MatrixSpec, left: Any, right: Any, *, backend: str | None = None) -> Any:
    """``(left @ right)[row, col]`` for every entry of a matrix, whose weights are not looked at.

    Args:
        stored: the matrix, (m, n), as it is stored.
        left: numbers or events, (m, k) or (m,).
        right: numbers or events, (k, n) or (n,).
        backend: name of the backend that must run it.

    Returns:
        One number per entry, of the shape of one weight per entry, in the promoted dtype, and in the product of the
        units. Entries that do not exist are 0.

    Raises:
        MathError: if shapes do not fit.
    """
    operands = [_operand(array) for array in (left, right)]
    (m, n), one, two = stored.shape, *(tuple(array.shape) for _, array in operands)
    vectors = one == (m,) and two == (n,)
    matrices = len(one) == len(two) == 2 and (one[0], two[1]) == (m, n) and one[1] == two[0]
    if not (vectors or matrices):
        raise MathError(
            f"The entries of a matrix {stored.shape} sample the product of arrays ({m}, k) and (k, {n}), or of vectors "
            f"({m},) and ({n},); got {one} and {two}."
        )
    # The primitive follows events on one side, which is its last operand.
    flip = operands[0][0] != "float"
    (_, y), (operand, x) = operands[::-1] if flip else operands
    if flip and operands[1][0] != "float":
        y = right.__event_spec__.numbers()
    y, x = (y.T, x) if flip else (y, x.T)
    return _sampled(_CallKey(stored.format, stored.shape, flip, operand, backend), stored.structure, y, x)


def _operand(array: Any) -> tuple[str, Any]:
    """The encoding of an operand, and its array with an entry for each number or event."""
    events = getattr(array, "__event_spec__", None)
    if events is None:
        return "float", as_array(array)
    return "binary" if get_operand(events.operand).event else events.operand, events.decoded()


@partial(jax.jit, inline=True, static_argnums=0)
def _sampled(call: _CallKey, structure: tuple[Any, ...], y: Any, x: Any) -> Any:
    event = get_operand(call.operand).event
    y, y_unit = units.detach(y)
    x, x_unit = units.detach(x)
    y, x = promote(y, x, event)
    sampled = sddmm_p(
        y,
        *structure,
        x,
        format=call.format,
        shape=call.shape,
        transpose=call.transpose,
        operand=call.operand,
        backend=call.backend,
    )
    return units.attach_product(sampled, y_unit, None if event else x_unit)
