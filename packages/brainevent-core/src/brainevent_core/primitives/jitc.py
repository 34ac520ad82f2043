"""Products with connectivity that is generated while it is used, and what it takes to write it down.

==============  ==============================  =======================================================================
primitive       operands                        result
==============  ==============================  =======================================================================
jitc_matmul     data, seed, first, x            ``A @ x`` (``A.T @ x`` if transpose), of the rank of x
jitc_elements   seed, first                     for a window of the network: which elements are connections, and the
                                                draws for their weights
jitc_entries    seed, first                     connections per line, and position and draw of each, line by line
==============  ==============================  =======================================================================

``data`` are the parameters of the weights' law, ``seed`` is two uint32 words, ``first`` holds the first line that the
matrix has of the network (and, for elements, the first position in it). Static parameters: ``prob`` and, for products,
``law``; ``shape`` of the stored matrix A, (lines, length); ``transpose`` and ``operand`` as in ``matmul``; ``nse``
slots for entries.

The product is linear in the parameters, so their cotangents are products with other parameters: no adjoint is needed.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import jitc, reference
from brainevent_core._jax import is_undefined_primal
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import get_operand
from brainevent_core.primitive import XLACustomKernel, defjvp
from brainevent_core.primitives.matmul import check_operand, check_weights, fold_batch, lengths, nones
from brainevent_core.reference import accumulator

__all__ = ["jitc_elements_p", "jitc_entries_p", "jitc_matmul_p"]

jitc_matmul_p = XLACustomKernel("jitc_matmul", tags=("product", "jitc"), _builtin=True)
jitc_elements_p = XLACustomKernel("jitc_elements", tags=("jitc",), _builtin=True)
jitc_entries_p = XLACustomKernel("jitc_entries", tags=("jitc",), _builtin=True)

# Positions are 32-bit integers, with room for a block on either side.
_LONGEST = 2**31 - 2**17


def _check_network(seed: Any, first: Any, shape: tuple[int, int], *, window: int) -> None:
    for name, array, length in (("seed", seed, 2), ("first", first, window)):
        if tuple(array.shape) != (length,):
            raise MathError(f"{name} must have shape ({length},), got {tuple(array.shape)}.")
        if array.dtype != jnp.uint32:
            raise DTypeError(
                f"{name} must have dtype uint32, got {array.dtype}. Seeds have no derivative: differentiate with "
                "respect to the parameters of the weights (`with_data` is the idiom)."
            )
    if max(shape) > _LONGEST:
        raise MathError(f"A just-in-time matrix has at most {_LONGEST} rows and columns, got shape {tuple(shape)}.")


# -- jitc_matmul -----------------------------------------------------------------------------------------------------


def _matmul_abstract(
    data: Any, seed: Any, first: Any, x: Any, *, law: str, prob: float, shape: Any, transpose: bool, operand: str
) -> Any:
    _check_network(seed, first, shape, window=1)
    if tuple(data.shape) != (jitc.LAWS[law],):
        raise MathError(
            f"Weights of the law {law!r} have parameters of shape ({jitc.LAWS[law]},), got {tuple(data.shape)}."
        )
    check_weights(data.dtype)
    check_operand("operand", x, operand, data.dtype, shape=shape, transpose=transpose)
    return jax.ShapeDtypeStruct((lengths(shape, transpose)[0], *x.shape[1:]), data.dtype)


def _matmul_by_data(data_dot: Any, data: Any, *rest: Any, **params: Any) -> Any:
    return jitc_matmul_p(data_dot, *rest, **params)


def _matmul_by_x(x_dot: Any, data: Any, seed: Any, first: Any, x: Any, *, operand: str, **params: Any) -> Any:
    return jitc_matmul_p(data, seed, first, x_dot.astype(data.dtype), operand="float", **params)


def _matmul_transpose(
    ct: Any, data: Any, seed: Any, first: Any, x: Any, *, operand: str, transpose: bool, **params: Any
) -> Sequence[Any]:
    if is_undefined_primal(x):
        if get_operand(operand).event:
            raise UnsupportedOperationError(
                "The event product is not linear in the spikes, so it has no transpose with respect to them. "
                "jax.grad works (it is straight-through); for linear_transpose, use the float product."
            )
        x_ct = jitc_matmul_p(data, seed, first, ct, transpose=not transpose, operand="float", **params)
        return [*nones(data, seed, first), x_ct]
    wide = accumulator(ct.dtype)

    def cotangent(unit: Any) -> Any:
        per_unit = jitc_matmul_p(unit, seed, first, x, transpose=transpose, operand=operand, **params)
        return jnp.sum(ct.astype(wide) * per_unit.astype(wide)).astype(ct.dtype)

    # <ct, A(data) x> is linear in data: its gradient is its value for each unit vector.
    units = jnp.eye(jitc.LAWS[params["law"]], dtype=ct.dtype)
    return [jnp.stack([cotangent(unit) for unit in units]), *nones(seed, first, x)]


jitc_matmul_p.def_abstract_eval(_matmul_abstract)
jitc_matmul_p.def_reference(reference.jitc_matmul)
defjvp(jitc_matmul_p, _matmul_by_data, None, None, _matmul_by_x)
jitc_matmul_p.def_transpose_rule(_matmul_transpose)
jitc_matmul_p.def_batching_rule(fold_batch(jitc_matmul_p))


# -- what is stored nowhere, written down ----------------------------------------------------------------------------


def _elements_abstract(seed: Any, first: Any, *, prob: float, shape: Any) -> Any:
    _check_network(seed, first, shape, window=2)
    return jax.ShapeDtypeStruct(tuple(shape), jnp.bool_), jax.ShapeDtypeStruct(tuple(shape), jnp.uint32)


def _entries_abstract(seed: Any, first: Any, *, prob: float, shape: Any, nse: int) -> Any:
    _check_network(seed, first, shape, window=1)
    slots = [jax.ShapeDtypeStruct((nse,), dtype) for dtype in (jnp.int32, jnp.uint32)]
    return jax.ShapeDtypeStruct((shape[0],), jnp.int32), *slots


jitc_elements_p.def_abstract_eval(_elements_abstract)
jitc_elements_p.def_reference(reference.jitc_elements)
jitc_entries_p.def_abstract_eval(_entries_abstract)
jitc_entries_p.def_reference(reference.jitc_entries)
