"""A user-defined learning rule as a static parameter: one declaration for every format and either side.

===========  ===============================================  =====================================================
primitive    operands                                         results
===========  ===============================================  =====================================================
edge_update  \\*state, \\*structure, x, \\*rows, \\*cols, \\*params  the new state: the rule, applied to the state of
                                                              each entry whose ``x[in]`` is an event
===========  ===============================================  =====================================================

Static parameters are those of ``sddmm`` (``format``, ``shape``, ``transpose``, and ``encoding``, one of events), and
``edge_rule``, which specifies the number of operands of each kind. Arrays of the state have the shape of one weight per
entry, and any trailing axes; the first axis of ``rows`` and ``cols`` is the rows and columns of the stored matrix.
"""

from collections.abc import Sequence
from typing import Any

import jax

from brainevent_core import reference
from brainevent_core._jax import is_live
from brainevent_core.encodings import Encoding
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import Format, Shape
from brainevent_core.primitive import XLACustomKernel
from brainevent_core.primitives.matmul import lengths
from brainevent_core.reference import EdgeRule

__all__ = ["edge_update_p"]


def _state(*, edge_rule: EdgeRule, **_: Any) -> Sequence[int]:
    return range(edge_rule.state)


edge_update_p = XLACustomKernel("edge_update", tags=("plasticity",), overwrites=_state, _builtin=True)


def _abstract(
    *operands: Any, edge_rule: EdgeRule, format: Format, shape: Shape, transpose: bool, encoding: Encoding
) -> list[Any]:
    state, structure, x, rows, cols, params = edge_rule.split(operands, format)
    format.require_arrays(structure)
    per_entry = format.weights_shape(structure, shape)
    format.validate(jax.ShapeDtypeStruct(per_entry, "float32"), structure, shape)
    if not encoding.event:
        raise DTypeError(f"The spikes of an update are events, got the encoding {encoding.name!r}.")
    encoding.validate(x, lengths(shape, transpose)[1], None, "The vector of spikes")
    if x.ndim != 1:
        raise MathError(f"An update takes one vector of spikes, got shape {tuple(x.shape)}; jax.vmap maps over more.")
    leading = (
        *((array, per_entry) for array in state),
        *((array, shape[:1]) for array in rows),
        *((array, shape[1:]) for array in cols),
        *((array, ()) for array in params),
    )
    inputs = [*edge_rule.program.constvars, *edge_rule.program.invars]
    taken = [inputs[i].aval for i in _order(edge_rule)]
    for (array, front), one in zip(leading, taken, strict=True):
        expected = (*front, *one.shape)
        if tuple(array.shape) != expected or array.dtype != one.dtype:
            raise MathError(f"The rule takes {one.dtype}{list(expected)}; got {array.dtype}{list(array.shape)}.")
    return [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in state]


def _order(rule: EdgeRule) -> list[int]:
    """The position of each operand among the inputs of the program, the first of which are arrays it closes over."""
    given = rule.state + rule.rows + rule.cols
    later = range(rule.closed_over + given, given + rule.params)
    return [*range(rule.closed_over, rule.closed_over + given), *range(rule.closed_over), *later]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, edge_rule: EdgeRule, **static: Any) -> Any:
    """The tangent of the reference; straight-through with respect to spikes."""
    events = edge_rule.state + len(static["format"].names)
    live = [i for i, tangent in enumerate(tangents) if is_live(tangent) and i != events]

    def of_live(*values: Any) -> Any:
        operands = list(primals)
        for i, value in zip(live, values, strict=True):
            operands[i] = value
        return reference.edge_update(*operands, edge_rule=edge_rule, guarded=True, **static)

    new, dots = jax.jvp(of_live, [primals[i] for i in live], [tangents[i] for i in live])
    if is_live(tangents[events]):
        changes = reference.edge_change(tangents[events], *primals, edge_rule=edge_rule, **static)
        dots = [dot + change if is_live(dot) else dot for dot, change in zip(dots, changes, strict=True)]
    return new, dots


edge_update_p.def_abstract_eval(_abstract)
edge_update_p.def_reference(reference.edge_update)
edge_update_p.def_jvp_rule(_jvp)
