"""The arguments of constructors: weights, structure arrays, shapes and dense matrices, in the form that matrices store.

Structure arrays are checked in the form in which they were given, then converted to JAX arrays with the same meaning.
"""

from __future__ import annotations

import difflib
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._arrays import Memory, as_numpy, native, remembered
from brainevent_core._jax import replicate, x64_enabled
from brainevent_core._typing import Array, Quantity, QuantityLike, Shape
from brainevent_core.errors import DTypeError, MathError, StructureError
from brainevent_core.formats import Format, index_dtype
from brainevent_core.ops.matmul import as_array

__all__ = [
    "as_data",
    "as_index_array",
    "as_integers",
    "as_shape",
    "check_values",
    "dense_parts",
    "foreign_matrix",
    "nonzero",
    "two_lengths",
    "unknown_argument",
    "with_clear_errors",
]


# Structures that passed the check, so that programs that build a matrix per call don't repeat it each time (0.9 ms at
# 10⁶ entries).
_checked: Memory[None] = {}


def as_integers(label: str, array: Any) -> Any:
    """``array`` as a NumPy or JAX array, unconverted, if it holds integers.

    Not ``jnp.asarray``, which inside ``jit`` converts a list to a tracer, whose values can't be checked.

    Raises:
        DTypeError: if it does not hold integers.
        StructureError: if it is not an array.
    """
    if not isinstance(array, (jax.Array, np.ndarray)):
        convert = getattr(array, "__jax_array__", None)
        if convert is not None:
            array = convert()
        else:
            try:
                array = as_numpy(array)
            except ValueError:
                raise StructureError(f"{label} must be an array of integers, got lists of different lengths.") from None
        if array.size == 0 and not jnp.issubdtype(array.dtype, jnp.integer):
            array = array.astype(np.int32)  # an empty list has no dtype of its own
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise DTypeError(f"{label} must hold integers, got dtype {array.dtype}; convert it with `.astype('int32')`.")
    return native(array)


def as_index_array(array: Any) -> Any:
    """An array of integers as a JAX array.

    With x64 off, JAX narrows 64-bit integers, and would wrap values that don't fit to valid indices. Such values are
    replaced by the nearest 32-bit number, which is outside every possible shape as well.
    """
    if array.dtype.itemsize == 8 and not x64_enabled() and not isinstance(array, jax.core.Tracer):
        limits = np.iinfo(np.int32)
        low = limits.min if jnp.issubdtype(array.dtype, jnp.signedinteger) else 0
        array = np.clip(np.asarray(array), low, limits.max).astype(np.int32)
    return jnp.asarray(array)


def check_values(fmt: Format, structure: Sequence[Any], shape: tuple[int, int]) -> None:
    """Check the values of a structure, unless they are traced or have passed the check before.

    Args:
        fmt: the format.
        structure: the arrays as they were given, before conversion: inside ``jit``, even a NumPy array becomes a tracer
            when it is converted.
        shape: shape of the stored matrix.

    Raises:
        StructureError: if they are malformed; names the first fault.
    """
    if any(isinstance(array, jax.core.Tracer) for array in structure):
        return

    def check() -> None:
        fault = fmt.fault_of_values([np.asarray(array) for array in structure], shape)
        if fault:
            raise StructureError(fault)

    remembered(_checked, (fmt, shape), structure, check)


# -- weights and shapes ------------------------------------------------------------------------------------------------


def as_data(data: QuantityLike) -> Array | Quantity:
    """Weights as an array, or a quantity over one."""
    mantissa, unit = units.detach(data)
    mantissa = as_array(mantissa)
    if isinstance(mantissa, units.Quantity):  # __jax_array__ of a wrapper may give a quantity
        mantissa, unit = units.detach(mantissa)
    return units.attach(jnp.asarray(mantissa), unit)


def as_shape(shape: Sequence[int]) -> Shape:
    """``shape`` as two non-negative integers.

    Raises:
        MathError: if it is not, or an axis is too long for JAX's integers.
    """
    rows, columns = two_lengths(shape)
    index_dtype(rows, columns)
    return rows, columns


def two_lengths(shape: Sequence[int]) -> Shape:
    """``shape`` as two non-negative integers of any size.

    Raises:
        MathError: if it is not.
    """
    try:
        rows, columns = map(operator.index, shape)
    except (TypeError, ValueError):
        rows = columns = -1
    if min(rows, columns) < 0:
        raise MathError(f"shape must be two whole numbers (rows, columns), got {shape!r}.")
    return rows, columns


# -- dense matrices ----------------------------------------------------------------------------------------------------


def dense_parts(dense: QuantityLike) -> tuple[Any, Any]:
    """``(elements, unit)`` of a dense matrix; concrete elements are a NumPy array.

    Raises:
        MathError: if it is not two-dimensional.
    """
    if isinstance(dense, (list, tuple)):
        dense = as_numpy(dense)  # not jnp, which would convert it to a tracer inside jit
    mantissa, unit = units.detach(dense if isinstance(dense, np.ndarray) else replicate(as_array(dense)))
    if not isinstance(mantissa, jax.core.Tracer):
        mantissa = native(np.asarray(mantissa))
        if mantissa.dtype == object:
            raise DTypeError(f"A dense matrix holds numbers, got dtype {mantissa.dtype}.")
    if mantissa.ndim != 2:
        raise MathError(f"fromdense takes a matrix, got shape {tuple(mantissa.shape)}.")
    return mantissa, unit


def nonzero(elements: Any, nse: int | None) -> tuple[Any, Any, Any]:
    """``(values, row, col)`` of the nonzero elements in row-major order; surplus entries are outside the shape.

    Traced nonzero elements can't be counted, so the first ``nse`` are used.

    Raises:
        MathError: if the elements are traced and there is no ``nse``, or if there are more nonzeros than ``nse``.
    """
    rows, cols = elements.shape
    row: Any
    col: Any
    if isinstance(elements, jax.core.Tracer):
        if nse is None:
            raise MathError("Inside jit the number of entries must be known: give fromdense(dense, nse=...).")
        row, col = jnp.nonzero(elements, size=nse, fill_value=(rows, cols))
        values = elements.at[row, col].get(mode="fill", fill_value=0)
        return values, row.astype(index_dtype(rows)), col.astype(index_dtype(cols))
    row, col = (index.astype(index_dtype(size)) for index, size in zip(np.nonzero(elements), (rows, cols)))
    values = elements[row, col]
    if nse is not None:
        if row.size > nse:
            raise MathError(f"The array has {row.size} nonzero elements, more than nse={nse}; entries would be lost.")
        row = np.pad(row, (0, nse - row.size), constant_values=rows)
        col = np.pad(col, (0, nse - col.size), constant_values=cols)
        values = np.pad(values, (0, nse - values.size))
    return values, row, col


# -- calls -------------------------------------------------------------------------------------------------------------


def with_clear_errors(init: Callable[..., None]) -> Callable[..., None]:
    """Decorate a constructor so that errors for wrong arguments name the expected ones.

    Raises:
        MathError: if ``shape`` is missing, or for unknown arguments.
        DTypeError: for a sparse matrix in place of arrays.
    """
    signature = inspect.signature(init)

    @wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except (TypeError, ValueError) as error:
            matrix = foreign_matrix(type(self), args[0] if args else kwargs.get("data"))
            if matrix is not None:
                raise DTypeError(matrix) from None
            if not isinstance(error, TypeError):
                raise
            try:
                signature.bind(self, *args, **kwargs)
            except TypeError as mismatch:
                fault = str(mismatch)
            else:
                raise  # raised inside the constructor
            name = type(self).__name__
            parameters = [each for each in signature.parameters if each != "self"]
            unknown = [each for each in kwargs if each not in parameters]
            if unknown:
                raise unknown_argument(name, unknown[0], parameters) from None
            if "shape" in parameters and "shape" not in kwargs:
                raise MathError(f"{name} needs shape=(rows, columns).") from None
            raise MathError(f"{name} takes {', '.join(parameters)}: {fault}.") from None

    return checked


#: The methods that convert to a class.
_CONVERSIONS = {"CSR": "tocsr", "CSC": "tocsc", "COO": "tocoo"}


def foreign_matrix(cls: Any, given: Any) -> str | None:
    """Advice for a matrix that was passed to a class instead of arrays; None for anything else."""
    kind = cls.__name__
    if not hasattr(cls, "fromdense"):
        return None
    if hasattr(given, "__matrix_spec__"):
        way = f"matrix.{_CONVERSIONS[kind]}()" if kind in _CONVERSIONS else f"{kind}.fromdense(matrix.todense())"
        return f"{kind} is made of arrays, got a {type(given).__name__}: `{way}` converts it."
    scipy_like, jax_like = hasattr(given, "tocsr"), hasattr(given, "todense") and hasattr(given, "nse")
    if not (scipy_like or jax_like):
        return None
    what = f"{kind} is made of arrays, got a sparse matrix of type {type(given).__name__}"
    if scipy_like and kind in _CONVERSIONS:
        converted = f"brainevent.from_scipy(s.{_CONVERSIONS[kind]}())"
        return f"{what}: use `brainevent.from_scipy(s)`, or `{converted}` for {kind}."
    if kind in _CONVERSIONS and type(given).__name__ in ("BCOO", "BCSR"):
        function = f"brainevent.from_{type(given).__name__.lower()}(s)"
        return f"{what}: use `{function}`, or `{function}.{_CONVERSIONS[kind]}()` for {kind}."
    dense = "toarray" if scipy_like else "todense"
    return f"{what}: use `brainevent.{kind}{'' if kind == 'Dense' else '.fromdense'}(s.{dense}())`."


def unknown_argument(kind: str, name: str, known: Iterable[str]) -> MathError:
    """The error for an unknown keyword of a constructor, which suggests a similar one."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]}=?" if close else ""
    return MathError(f"{kind} takes {', '.join(known)}, and no {name}={hint or '.'}")
