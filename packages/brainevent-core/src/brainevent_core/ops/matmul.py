"""``left @ right``, where one side is a matrix of brainevent, or events."""

from __future__ import annotations

import reprlib
import warnings
from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._arrays import native
from brainevent_core._jax import INLINED
from brainevent_core._typing import Array, OperandLike, Quantity
from brainevent_core.encodings import BINARY, FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import DENSE_FORMAT, Format, Shape, SplitFormat, SplitRule
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.spec import MatrixLike, MatrixSpec
from brainevent_core.ops.split import Along, on_blocks
from brainevent_core.primitives import jitc_matmul_p, matmul_p

__all__ = [
    "HOW_TO_TAKE_SPARSE",
    "as_array",
    "matmul",
    "matrix_of",
    "matrix_product",
    "promote",
    "require_products",
    "warn_of_unit",
]


def matmul(
    left: OperandLike | MatrixLike, right: OperandLike | MatrixLike, *, backend: str | None = None
) -> Array | Quantity:
    """``left @ right``, where one side is a matrix of brainevent, or one side is events.

    Args:
        left: matrix of shape (m, n), or vectors: (m,) or (batch, m).
        right: vectors of shape (n,) or (n, batch), or a matrix.
        backend: name of the backend that must run it.

    Returns:
        An array, or a quantity if an operand has a unit. For events, the result has the dtype of the weights. For
        floats, including :class:`SparseFloat`, it has the promoted dtype of both sides. Its unit is the product of the
        units of both sides; events have none.

    Raises:
        MathError: if the lengths or ranks do not fit; a ValueError that names both shapes.
        UnsupportedOperationError: for a product of two sparse matrices, or with a matrix that has delays.
        KernelNotAvailableError: if ``backend`` has no kernel for the product.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> brainevent.matmul(brainevent.BinaryArray(jnp.array([True, True])), weights)
        Array([3., 2.], dtype=float32)
    """
    left, right = matrix_of(left), matrix_of(right)
    left_spec, right_spec = _spec_of(left), _spec_of(right)
    if left_spec is not None and right_spec is not None:
        # A dense matrix is used as an array.
        if right_spec.stores_all:
            right, right_spec = right_spec.elements, None
        elif left_spec.stores_all:
            left, left_spec = left_spec.elements, None
    if left_spec is not None and right_spec is not None:
        raise UnsupportedOperationError(
            f"{type(left).__name__} @ {type(right).__name__}: the product of two sparse matrices is not supported; "
            "use `.todense()` on one side."
        )
    if left_spec is not None:
        return matrix_product(left_spec, right, from_left=False, backend=backend)
    if right_spec is not None:
        return matrix_product(right_spec, left, from_left=True, backend=backend)
    if hasattr(left, "__event_spec__"):
        return _dense_product(right, left, from_left=True, backend=backend)
    if hasattr(right, "__event_spec__"):
        return _dense_product(left, right, from_left=False, backend=backend)
    raise DTypeError(
        f"brainevent.matmul needs events or a brainevent matrix on one side, got {type(left).__name__} and "
        f"{type(right).__name__}; plain arrays multiply with jnp.matmul."
    )


def _spec_of(x: Any) -> MatrixSpec | None:
    # Events are excluded first: for a missing attribute, Python calls their `__getattr__`, which took half of an eager
    # product's time.
    return None if hasattr(type(x), "__event_spec__") else getattr(x, "__matrix_spec__", None)


#: How to use a sparse matrix of SciPy.
HOW_TO_TAKE_SPARSE = (
    "A sparse matrix `s` of SciPy becomes one of ours with `brainevent.from_scipy(s)`, and an array with `s.toarray()`."
)


class _ProductKey(NamedTuple):
    """The static parameters of a product, as one argument: with seven keywords, an eager call took 1.6 times as long.

    ``length`` is the decoded length of the summed axis; None if it is the array's.
    """

    format: Format | ConnectionRule | SplitFormat | SplitRule
    shape: Shape
    transpose: bool
    encoding: Encoding
    length: int | None
    from_left: bool
    backend: str | None


def matrix_product(stored: MatrixSpec, x: Any, *, from_left: bool, backend: str | None = None) -> Any:
    """``x @ A`` if ``from_left``, else ``A @ x``, where ``stored`` describes A."""
    stored = stored.here
    events = getattr(x, "__event_spec__", None)
    if events is None:
        encoding, x, length = FLOAT, as_array(x), None
    else:
        encoding, x, _, length = events.summed_over(-1 if from_left else 0)
    key = _ProductKey(stored.format, stored.shape, stored.transposed != from_left, encoding, length, from_left, backend)
    return _product(key, stored.data, stored.structure, x)


def _dense_product(weights: Any, x: Any, *, from_left: bool, backend: str | None) -> Any:
    """The product of events and a plain array, which is a dense matrix; a vector is a matrix with one column or row."""
    events = getattr(weights, "__event_spec__", None)
    weights = as_array(weights) if events is None else events.numbers()
    ndim = jnp.ndim(units.detach(weights)[0])
    if ndim not in (1, 2):
        raise MathError(f"Events multiply arrays of rank 1 or 2, got shape {tuple(weights.shape)}.")
    if ndim == 1:
        weights = weights[:, None] if from_left else weights[None, :]
    shape = tuple(weights.shape)
    out = matrix_product(MatrixSpec(DENSE_FORMAT, weights, (), shape, False), x, from_left=from_left, backend=backend)
    return out[..., 0] if ndim == 1 and from_left else out[0] if ndim == 1 else out


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _product(key: _ProductKey, data: Any, structure: tuple[Any, ...], x: Any) -> Any:
    # Jitted and inlined: this leaves no trace inside another jit, and an eager call takes JAX's C++ path.
    data, data_unit = units.detach(data)
    x, x_unit = units.detach(x)
    _check_lengths(key, x)
    data, x = promote(jnp.asarray(data), x, key.encoding)
    if data.ndim == 0:
        data = data.reshape(1)
    rows_are_vectors = key.from_left and x.ndim == 2
    out = bind_matmul(
        key.format,
        data,
        structure,
        x.T if rows_are_vectors else x,
        shape=key.shape,
        transpose=key.transpose,
        encoding=key.encoding,
        backend=key.backend,
    )
    return units.attach_product(out.T if rows_are_vectors else out, data_unit, None if key.encoding.event else x_unit)


@singledispatch
def bind_matmul(format: Any, data: Any, structure: Any, x: Any, **params: Any) -> Any:
    """``A @ x``, or ``A.T @ x``, with the primitive for this kind of matrix; dtypes are already promoted."""
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} have no product.")


@bind_matmul.register
def _stored(format: Format, data: Any, structure: Any, x: Any, **params: Any) -> Any:
    require_products(format)
    return matmul_p(data, *structure, x, format=format, **params)


def require_products(format: Any) -> None:
    """Reject a matrix with annotations, such as delays, which a product would ignore.

    Raises:
        UnsupportedOperationError: if a component annotates its entries.
    """
    for component in getattr(format, "annotations", ()):
        raise UnsupportedOperationError(component.annotates)


@bind_matmul.register
def _generated(rule: ConnectionRule, data: Any, structure: Any, x: Any, **params: Any) -> Any:
    return jitc_matmul_p(rule.law.linear(data), *structure, x, rule=rule, **params)


@bind_matmul.register
def _in_blocks(
    format: SplitFormat,
    data: Any,
    structure: Any,
    x: Any,
    *,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    backend: str | None,
) -> Any:
    require_products(format)
    summed, along = (0, 1) if transpose else (1, 0)

    def product(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        (encoding,), (data, *structure), (x,) = encodings, entries, operands
        params = {"shape": shape, "transpose": transpose, "encoding": encoding, "backend": backend}
        return bind_matmul(format.block, data, structure, x, **params)

    operands = [(Along(summed, encoding), x)]
    return on_blocks(format, shape, product, [data, *structure], operands, Along(along))


@bind_matmul.register
def _generated_in_blocks(
    rule: SplitRule,
    data: Any,
    structure: Any,
    x: Any,
    *,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    backend: str | None,
) -> Any:
    seed, offsets = structure
    summed, along = (0, 1) if transpose else (1, 0)

    def product(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        (*_, encoding), (offset,), (data, seed, x) = encodings, entries, operands
        params = {"shape": shape, "transpose": transpose, "encoding": encoding, "backend": backend}
        return bind_matmul(rule.block, data, (seed, offset), x, **params)

    operands = [(None, data), (None, seed), (Along(summed, encoding), x)]
    return on_blocks(rule, shape, product, [offsets], operands, Along(along))


def _check_lengths(key: _ProductKey, x: Any) -> None:
    kind = "events" if key.encoding.selects else "array"
    shape = list(x.shape)
    if key.length is not None and shape:
        shape[-1 if key.from_left else 0] = key.length
    # The shape of the user's matrix, independent of the stored orientation.
    matrix_shape = key.shape if key.transpose == key.from_left else key.shape[::-1]
    if x.ndim not in (1, 2):
        raise MathError(f"Only vectors and matrices multiply a matrix, got {kind} of shape {tuple(shape)}.")
    length = matrix_shape[0] if key.from_left else matrix_shape[1]
    given = shape[-1 if key.from_left else 0]
    if given != length:
        sides = (f"{kind} {tuple(shape)}", f"matrix {tuple(matrix_shape)}")
        left, right = sides if key.from_left else sides[::-1]
        as_ids = key.encoding is BINARY and jnp.issubdtype(x.dtype, jnp.integer)
        hint = " Events are given for each neuron; `jnp.zeros(n, bool).at[ids].set(True)` makes them of indices."
        raise MathError(
            f"Shapes do not fit: {left} @ {right}; the {kind} must have length {length} along the summed axis, "
            f"got {given}.{hint if as_ids else ''}"
        )


def promote(data: Any, x: Any, encoding: Encoding) -> tuple[Any, Any]:
    """Convert weights to floating point; in a float product, convert both sides to the promoted dtype."""
    for side, array in (("Weights", data), ("The operand", x)):
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise DTypeError(f"{side} must hold real numbers, got dtype {array.dtype} (complex): multiply both parts.")
    numbers = not encoding.event and encoding.dtype is None
    dtype = jnp.result_type(data, x) if numbers else data.dtype
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.promote_types(dtype, jnp.float32) if jnp.dtype(dtype).itemsize < 8 else jnp.result_type(float)
    return data.astype(dtype), x.astype(dtype) if numbers else x


def as_array(x: Any) -> Any:
    """``x`` as an array or quantity; ``__jax_array__`` is called if there is one.

    Raises:
        DTypeError: if JAX can't convert it to an array.
    """
    if isinstance(x, jax.Array):
        return x
    if isinstance(x, units.Quantity):
        mantissa, unit = units.detach(x)
        if hasattr(mantissa, "__matrix_spec__"):
            raise DTypeError(
                f"Expected numbers, got a quantity that holds a {type(mantissa).__name__}: for a matrix in a unit, "
                "write `matrix * unit`."
            )
        # Only a non-native byte order is converted: brainunit keeps the mantissa that it is given.
        return x if native(mantissa) is mantissa else units.attach(jnp.asarray(native(mantissa)), unit)
    convert = getattr(x, "__jax_array__", None)
    if convert is not None:
        return convert()
    try:
        return jnp.asarray(native(x))
    except (TypeError, ValueError) as error:
        numbers = _in_native_order(x)
        if numbers is not None:
            return jnp.asarray(numbers)
        raise DTypeError(
            f"Expected numbers, as an array, a quantity or a (nested) list, got {reprlib.repr(x)} of type "
            f"{type(x).__name__}.{_way_out(x)}"
        ) from error


def _in_native_order(x: Any) -> Any:
    """``x`` as an array if JAX rejects it only because of its byte order, such as a list of arrays or the data set of a
    file; None otherwise."""
    dtypes = [getattr(leaf, "dtype", None) for leaf in jax.tree.leaves(x)]
    if all(dtype.isnative for dtype in dtypes if isinstance(dtype, np.dtype)):
        return None
    array = native(np.asarray(x))
    return array if array.dtype.kind in "biufc" else None


def _way_out(x: Any) -> str:
    """How to use a sparse matrix of another package; empty for other objects."""
    if not hasattr(x, "tocsr") and not hasattr(x, "todense"):
        return ""
    return " " + HOW_TO_TAKE_SPARSE if hasattr(x, "tocsr") else " Make an array of it with `.todense()`."


def warn_of_unit(kind: str, value: Any) -> None:
    """Warn about spikes that have a unit: each nonzero membrane potential would be a spike."""
    unit = units.unit_of(value)
    if unit is not None and not unit.is_unitless:
        warnings.warn(
            f"{kind}: the spikes were given as a quantity in {unit}. Each nonzero entry of it is an event that counts "
            "as 1, and the unit is left out. Spikes are a condition, such as `v > threshold`; SparseFloat keeps values "
            "and units.",
            UserWarning,
            stacklevel=4,
        )


def matrix_of(x: Any) -> Any:
    """For a quantity that holds a matrix, as from ``unit * matrix``, the matrix in this unit; otherwise ``x``
    itself."""
    if isinstance(x, units.Quantity) and hasattr(x.mantissa, "__matrix_spec__"):
        mantissa, unit = units.detach(x)
        return mantissa * unit
    return x
