"""The products with a stored matrix. They are each other's adjoint, so derivatives of any order exist.

==========  ============================================  =========================================================
primitive   operands                                      result
==========  ============================================  =========================================================
matmul      data, \\*structure, x                          ``A @ x`` (``A.T @ x`` if transpose), of the rank of x
sddmm       y, \\*structure, x                             ``y[out] · x[in]`` per entry of A, of the shape of the data
==========  ============================================  =========================================================

Static parameters: ``format``, a :class:`~brainevent_core.formats.Format`, and ``shape`` of the stored matrix A;
``transpose``; and ``encoding``, an :class:`~brainevent_core.encodings.Encoding`, the meaning of x. x is a vector, or a
matrix whose columns are vectors.

The derivative with respect to x is always that of the float product; for events it is straight-through.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import reference
from brainevent_core._jax import is_undefined_primal, shaped
from brainevent_core.encodings import FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import Format, Shape
from brainevent_core.primitive import XLACustomKernel, defjvp
from brainevent_core.reference import accumulator

__all__ = [
    "check_weights",
    "check_x",
    "decoded_cotangent",
    "decoded_tangent",
    "fold_batch",
    "lengths",
    "matmul_p",
    "nones",
    "sddmm_p",
]

matmul_p = XLACustomKernel("matmul", tags=("product",), _builtin=True)
sddmm_p = XLACustomKernel("sddmm", tags=("product", "derivative"), _builtin=True)


def lengths(shape: Shape, transpose: bool) -> tuple[int, int]:
    """Length of the result and of the operand."""
    return (shape[1], shape[0]) if transpose else shape


def check_x(which: str, x: Any, encoding: Encoding, weights: Any, *, shape: Shape, transpose: bool) -> None:
    """Check the array that is multiplied by a matrix; see :meth:`Encoding.validate`."""
    side = "transposed matrix" if transpose else "matrix"
    what = f"The {which} of a product with a {side} of stored shape {tuple(shape)}"
    encoding.validate(x, lengths(shape, transpose)[1], weights, what)


def check_weights(dtype: Any) -> None:
    """Check that weights are floating-point numbers."""
    if not jnp.issubdtype(dtype, jnp.floating):
        raise DTypeError(f"Weights must be floating-point numbers, got dtype {dtype}.")


def fold_batch(product_p: XLACustomKernel) -> Callable[..., Any]:
    """The batching rule of a product: if only x is mapped, the batch becomes columns of x, so that A is read once."""

    def rule(size: int, operands: Sequence[Any], axes: Sequence[Any], **params: Any) -> Any:
        *stored, x = operands
        if any(axis is not None for axis in axes[:-1]):
            return NotImplemented
        columns = jnp.moveaxis(x, 0, 1).reshape(x.shape[1], size * math.prod(x.shape[2:]))
        out = product_p(*stored, columns, **params)
        return [out.reshape(out.shape[0], size, *x.shape[2:])], [1]

    return rule


def nones(*operands: Any) -> list[None]:
    """The cotangents of known operands: None for each."""
    return [None] * len(operands)


# -- matmul ----------------------------------------------------------------------------------------------------------


def _matmul_abstract(data: Any, *rest: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> Any:
    *structure, x = rest
    format.validate(data, structure, shape)
    check_weights(data.dtype)
    check_x("operand", x, encoding, data.dtype, shape=shape, transpose=transpose)
    length, _ = lengths(shape, transpose)
    return jax.ShapeDtypeStruct((length, *x.shape[1:]), data.dtype)


def _matmul_by_data(data_dot: Any, data: Any, *rest: Any, **params: Any) -> Any:
    return matmul_p(data_dot, *rest, **params)


def decoded_tangent(x_dot: Any, x: Any, encoding: Encoding, length: int, dtype: Any) -> Any:
    """The tangent of decoded x; for events, it is straight-through."""
    if not encoding.event:
        _, x_dot = jax.jvp(lambda x: encoding.decode(x, length), (x,), (x_dot,))
    return x_dot.astype(dtype)


def decoded_cotangent(ct: Any, x: Any, encoding: Encoding, length: int) -> Any:
    """The cotangent of x, of which only the shape and dtype are known, given the cotangent of decoded x."""
    aval = shaped(x.aval.shape, x.aval.dtype, [jax.typeof(ct)])

    def decode(x: Any) -> Any:
        return encoding.decode(x, length).astype(ct.dtype)

    (x_ct,) = jax.linear_transpose(decode, aval)(ct)
    return x_ct


def _matmul_by_x(x_dot: Any, data: Any, *rest: Any, encoding: Encoding, **params: Any) -> Any:
    *structure, x = rest
    _, length = lengths(params["shape"], params["transpose"])
    tangent = decoded_tangent(x_dot, x, encoding, length, data.dtype)
    return matmul_p(data, *structure, tangent, encoding=FLOAT, **params)


def _matmul_transpose(
    ct: Any, data: Any, *rest: Any, encoding: Encoding, transpose: bool, **params: Any
) -> Sequence[Any]:
    *structure, x = rest
    if is_undefined_primal(x):
        if encoding.event:
            raise UnsupportedOperationError(
                "The event product is not linear in the spikes, so it has no transpose with respect to them. "
                "jax.grad works (it is straight-through); for linear_transpose, use the float product."
            )
        x_ct = matmul_p(data, *structure, ct, transpose=not transpose, encoding=FLOAT, **params)
        _, length = lengths(params["shape"], transpose)
        return [*nones(data, *structure), decoded_cotangent(x_ct, x, encoding, length)]
    params = {**params, "transpose": transpose, "encoding": encoding}
    if params["format"].is_homogeneous(data.aval):
        # One weight for all entries: its cotangent is <ct, A(1) x>, one dot product, no array per entry.
        per_unit = matmul_p(jnp.ones(1, ct.dtype), *structure, x, **params)
        wide = accumulator(ct.dtype)
        data_ct = jnp.sum(ct.astype(wide) * per_unit.astype(wide)).astype(ct.dtype).reshape(1)
    else:
        data_ct = sddmm_p(ct, *structure, x, **params)
    return [data_ct, *nones(*rest)]


matmul_p.def_abstract_eval(_matmul_abstract)
matmul_p.def_reference(reference.matmul)
defjvp(matmul_p, _matmul_by_data, ..., _matmul_by_x)
matmul_p.def_transpose_rule(_matmul_transpose)
matmul_p.def_batching_rule(fold_batch(matmul_p))


# -- sddmm -----------------------------------------------------------------------------------------------------------


def _sddmm_abstract(y: Any, *rest: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> Any:
    *structure, x = rest
    format.require_arrays(structure)
    per_entry = jax.ShapeDtypeStruct(format.weights_shape(structure, shape), y.dtype)
    format.validate(per_entry, structure, shape)
    check_weights(y.dtype)
    check_x("first operand", y, FLOAT, y.dtype, shape=shape, transpose=not transpose)
    check_x("last operand", x, encoding, y.dtype, shape=shape, transpose=transpose)
    if y.shape[1:] != x.shape[1:]:
        raise MathError(f"Both operands must have the same batch, got shapes {tuple(y.shape)} and {tuple(x.shape)}.")
    return per_entry


def _sddmm_by_y(y_dot: Any, y: Any, *rest: Any, **params: Any) -> Any:
    return sddmm_p(y_dot, *rest, **params)


def _sddmm_by_x(x_dot: Any, y: Any, *rest: Any, encoding: Encoding, **params: Any) -> Any:
    *structure, x = rest
    _, length = lengths(params["shape"], params["transpose"])
    return sddmm_p(y, *structure, decoded_tangent(x_dot, x, encoding, length, y.dtype), encoding=FLOAT, **params)


def _sddmm_transpose(ct: Any, y: Any, *rest: Any, encoding: Encoding, transpose: bool, **params: Any) -> Sequence[Any]:
    *structure, x = rest
    if is_undefined_primal(y):
        return [matmul_p(ct, *structure, x, transpose=transpose, encoding=encoding, **params), *nones(*rest)]
    if encoding.event:
        raise UnsupportedOperationError(
            "A product of events at the entries of a matrix is not linear in the spikes, so it has no transpose with "
            "respect to them."
        )
    x_ct = matmul_p(ct, *structure, y, transpose=not transpose, encoding=FLOAT, **params)
    _, length = lengths(params["shape"], transpose)
    return [*nones(y, *structure), decoded_cotangent(x_ct, x, encoding, length)]


sddmm_p.def_abstract_eval(_sddmm_abstract)
sddmm_p.def_reference(reference.sddmm)
defjvp(sddmm_p, _sddmm_by_y, ..., _sddmm_by_x)
sddmm_p.def_transpose_rule(_sddmm_transpose)
