"""Products with connectivity that is generated on the fly, and its materialisation.

==============  ==============================  =======================================================================
primitive       operands                        result
==============  ==============================  =======================================================================
jitc_matmul     data, seed, offset, x           ``A @ x`` (``A.T @ x`` if transpose), of the rank of x
jitc_to_dense   seed, offset                    for a window of the network: which elements are connections, and the
                                                draws for their weights
jitc_to_coo     seed, row_offset                connections per row, and column and draw of each, row by row
==============  ==============================  =======================================================================

``data`` are the parameters of the weights' law, and ``seed`` is two uint32 words. ``row_offset``, (1,), is the row of
the network at which the matrix begins, and ``offset``, (2,), the row and column at which a window begins; a product
takes either. Static parameters: ``rule``, the :class:`~brainevent_core.jitc.ConnectionRule`; ``shape`` of the matrix A,
along whose rows the stream runs; ``transpose`` and ``encoding`` as in ``matmul``; ``nse``, the capacity for entries.

The product is linear in the parameters, so their cotangents are products with other parameters: no adjoint is needed.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import reference
from brainevent_core._jax import is_undefined_primal
from brainevent_core.encodings import FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import Shape
from brainevent_core.jitc import LONGEST, ConnectionRule
from brainevent_core.primitive import XLACustomKernel, defjvp
from brainevent_core.primitives.matmul import (
    check_weights,
    check_x,
    decoded_cotangent,
    decoded_tangent,
    fold_batch,
    lengths,
    nones,
)
from brainevent_core.reference import accumulator

__all__ = ["jitc_matmul_p", "jitc_to_coo_p", "jitc_to_dense_p"]

jitc_matmul_p = XLACustomKernel("jitc_matmul", tags=("product", "jitc"), _builtin=True)
jitc_to_dense_p = XLACustomKernel("jitc_to_dense", tags=("jitc",), _builtin=True)
jitc_to_coo_p = XLACustomKernel("jitc_to_coo", tags=("jitc",), _builtin=True)


def _check_network(seed: Any, shape: tuple[int, int], **offset: tuple[Any, *tuple[int, ...]]) -> None:
    given: dict[str, tuple[Any, *tuple[int, ...]]] = {"seed": (seed, 2), **offset}
    for name, (array, *allowed) in given.items():
        if tuple(array.shape) not in [(length,) for length in allowed]:
            possible = " or ".join(f"({length},)" for length in allowed)
            raise MathError(f"{name} must have shape {possible}, got {tuple(array.shape)}.")
        if array.dtype != jnp.uint32:
            raise DTypeError(
                f"{name} must have dtype uint32, got {array.dtype}. Seeds have no derivative: differentiate with "
                "respect to the parameters of the weights (`with_data` is the idiom)."
            )
    if max(shape) > LONGEST:
        raise MathError(f"A just-in-time matrix has at most {LONGEST} rows and columns, got shape {tuple(shape)}.")


# -- jitc_matmul -----------------------------------------------------------------------------------------------------


def _matmul_abstract(
    data: Any,
    seed: Any,
    row_offset: Any,
    x: Any,
    *,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
) -> Any:
    _check_network(seed, shape, row_offset=(row_offset, 1, 2))
    parameters = len(rule.law.parameters)
    if tuple(data.shape) != (parameters,):
        raise MathError(
            f"Weights of the law {rule.law.name!r} have parameters of shape ({parameters},), got {tuple(data.shape)}."
        )
    check_weights(data.dtype)
    check_x("operand", x, encoding, data.dtype, shape=shape, transpose=transpose)
    return jax.ShapeDtypeStruct((lengths(shape, transpose)[0], *x.shape[1:]), data.dtype)


def _matmul_by_data(data_dot: Any, data: Any, *rest: Any, **params: Any) -> Any:
    return jitc_matmul_p(data_dot, *rest, **params)


def _matmul_by_x(
    x_dot: Any, data: Any, seed: Any, row_offset: Any, x: Any, *, encoding: Encoding, **params: Any
) -> Any:
    _, length = lengths(params["shape"], params["transpose"])
    tangent = decoded_tangent(x_dot, x, encoding, length, data.dtype)
    return jitc_matmul_p(data, seed, row_offset, tangent, encoding=FLOAT, **params)


def _matmul_transpose(
    ct: Any, data: Any, seed: Any, row_offset: Any, x: Any, *, encoding: Encoding, transpose: bool, **params: Any
) -> Sequence[Any]:
    if is_undefined_primal(x):
        if encoding.event:
            raise UnsupportedOperationError(
                "The event product is not linear in the spikes, so it has no transpose with respect to them. "
                "jax.grad works (it is straight-through); for linear_transpose, use the float product."
            )
        x_ct = jitc_matmul_p(data, seed, row_offset, ct, transpose=not transpose, encoding=FLOAT, **params)
        _, length = lengths(params["shape"], transpose)
        return [*nones(data, seed, row_offset), decoded_cotangent(x_ct, x, encoding, length)]
    wide = accumulator(ct.dtype)

    def cotangent(unit: Any) -> Any:
        per_unit = jitc_matmul_p(unit, seed, row_offset, x, transpose=transpose, encoding=encoding, **params)
        return jnp.sum(ct.astype(wide) * per_unit.astype(wide)).astype(ct.dtype)

    # <ct, A(data) x> is linear in data: its gradient is its value for each unit vector.
    units = jnp.eye(len(params["rule"].law.parameters), dtype=ct.dtype)
    return [jnp.stack([cotangent(unit) for unit in units]), *nones(seed, row_offset, x)]


jitc_matmul_p.def_abstract_eval(_matmul_abstract)
jitc_matmul_p.def_reference(reference.jitc_matmul)
defjvp(jitc_matmul_p, _matmul_by_data, None, None, _matmul_by_x)
jitc_matmul_p.def_transpose_rule(_matmul_transpose)
jitc_matmul_p.def_batching_rule(fold_batch(jitc_matmul_p))


# -- generated connectivity, materialised ----------------------------------------------------------------------------


def _to_dense_abstract(seed: Any, offset: Any, *, rule: ConnectionRule, shape: Shape) -> Any:
    _check_network(seed, shape, offset=(offset, 2))
    return jax.ShapeDtypeStruct(tuple(shape), jnp.bool_), jax.ShapeDtypeStruct(tuple(shape), jnp.uint32)


def _to_coo_abstract(seed: Any, row_offset: Any, *, rule: ConnectionRule, shape: Shape, nse: int) -> Any:
    _check_network(seed, shape, row_offset=(row_offset, 1))
    columns, draws = (jax.ShapeDtypeStruct((nse,), dtype) for dtype in (jnp.int32, jnp.uint32))
    return jax.ShapeDtypeStruct((shape[0],), jnp.int32), columns, draws


jitc_to_dense_p.def_abstract_eval(_to_dense_abstract)
jitc_to_dense_p.def_reference(reference.jitc_to_dense)
jitc_to_coo_p.def_abstract_eval(_to_coo_abstract)
jitc_to_coo_p.def_reference(reference.jitc_to_coo)
