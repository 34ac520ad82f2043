"""Products of stored matrices by functions: four for each way to store one, made of one table.

``...mv`` multiplies a matrix with a vector, ``...mm`` with a matrix, ``binary_...`` with events. A function makes the
matrix of its class, with all checks of the constructor, and uses it once.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from brainevent_core.errors import MathError
from brainevent_core.events import BinaryArray, EventRepresentation
from brainevent_core.matrices import COO, CSR, DataRepresentation, Dense, FixedPostNumConn
from brainevent_core.ops import matrix_product
from brainevent_core.ops.matmul import as_array

__all__ = [
    "binary_coomm",
    "binary_coomv",
    "binary_csrmm",
    "binary_csrmv",
    "binary_densemm",
    "binary_densemv",
    "binary_fcnmm",
    "binary_fcnmv",
    "coomm",
    "coomv",
    "csrmm",
    "csrmv",
    "densemm",
    "densemv",
    "fcnmm",
    "fcnmv",
]

#: ``multiply(arrays, x, shape, transpose, backend)``
_Multiply = Callable[[Sequence[Any], Any, Any, bool, str | None], Any]


class _Storage(NamedTuple):
    """What the functions of one way to store a matrix differ in.

    Attributes:
        stem: of their names.
        matrix: the class whose arrays they take.
        title: the matrix in words.
        arrays: the arrays, and what they hold.
        example: the arrays of ``[[1, 2, 0], [0, 3, 4]]``.
        signed: gives a function with the signature of this storage, from ``multiply``.
    """

    stem: str
    matrix: type[DataRepresentation]
    title: str
    arrays: dict[str, str]
    example: tuple[str, ...]
    signed: Callable[[_Multiply], Callable[..., Any]]


class _Rank(NamedTuple):
    """A vector or a matrix as x: names, shapes, and the examples' x and results for numbers and events."""

    suffix: str
    noun: str
    of_x: str
    of_result: str
    examples: tuple[tuple[str, str], tuple[str, str]]


_RANKS = {
    1: _Rank(
        "mv",
        "vector",
        "(n,)",
        "(m,)",
        (
            ("jnp.array([1.0, 2.0, 3.0])", "Array([ 5., 18.], dtype=float32)"),
            ("jnp.array([True, False, True])", "Array([1., 4.], dtype=float32)"),
        ),
    ),
    2: _Rank(
        "mm",
        "matrix",
        "(n, k)",
        "(m, k)",
        (
            ("jnp.array([[1.0], [2.0], [3.0]])", "Array([[ 5.],\n           [18.]], dtype=float32)"),
            ("jnp.array([[True], [False], [True]])", "Array([[1.],\n           [4.]], dtype=float32)"),
        ),
    ),
}

_DOC = """The product of {title} and {x}.

Args:
    {arrays}
    x: {operand}, of shape {of_x}, or {of_x_transposed} if ``transpose``; a quantity, or events of any class.{shape}
    transpose: whether to multiply by the transpose.
    backend: name of the backend that must run it.

Returns:
    An array of shape {of_result}, or {of_result_transposed} if ``transpose``; a quantity if a unit is involved. {dtype}

Raises:
    StructureError: if indices or pointers are concrete and out of range.
    MathError: if ranks or lengths do not fit.
    DTypeError: if index arrays do not hold integers.
    KernelNotAvailableError: if ``backend`` has no kernel for it.

Example:
    >>> import brainevent, jax.numpy as jnp
    >>> brainevent.{name}({example})
    {shown}
"""


def _csr(multiply: _Multiply) -> Callable[..., Any]:
    def product(
        data: Any, indices: Any, indptr: Any, x: Any, *, shape: Any, transpose: bool = False, backend: str | None = None
    ) -> Any:
        return multiply((data, indices, indptr), x, shape, transpose, backend)

    return product


def _coo(multiply: _Multiply) -> Callable[..., Any]:
    def product(
        data: Any, row: Any, col: Any, x: Any, *, shape: Any, transpose: bool = False, backend: str | None = None
    ) -> Any:
        return multiply((data, row, col), x, shape, transpose, backend)

    return product


def _fcn(multiply: _Multiply) -> Callable[..., Any]:
    def product(
        weights: Any, indices: Any, x: Any, *, shape: Any, transpose: bool = False, backend: str | None = None
    ) -> Any:
        return multiply((weights, indices), x, shape, transpose, backend)

    return product


def _dense(multiply: _Multiply) -> Callable[..., Any]:
    def product(weights: Any, x: Any, *, transpose: bool = False, backend: str | None = None) -> Any:
        return multiply((weights,), x, None, transpose, backend)

    return product


_CSR = _Storage(
    "csr",
    CSR,
    "a matrix in compressed rows",
    {
        "data": "weights, (nse,), or one for all",
        "indices": "column of every entry, (nse,)",
        "indptr": "where each row begins, (m + 1,)",
    },
    ("jnp.array([1.0, 2.0, 3.0, 4.0])", "jnp.array([0, 1, 1, 2])", "jnp.array([0, 2, 4])"),
    _csr,
)
_COO = _Storage(
    "coo",
    COO,
    "a matrix in coordinates",
    {
        "data": "weights, (nse,), or one for all",
        "row": "row of every entry, (nse,)",
        "col": "column of every entry, (nse,)",
    },
    ("jnp.array([1.0, 2.0, 3.0, 4.0])", "jnp.array([0, 0, 1, 1])", "jnp.array([0, 1, 1, 2])"),
    _coo,
)
_FCN = _Storage(
    "fcn",
    FixedPostNumConn,
    "a matrix with a fixed number of connections per row",
    {
        "weights": "weights, (m, connections per row), or one for all",
        "indices": "column of every entry, (m, connections per row). For a fixed number per column, give arrays and "
        "shape of the transpose, and turn ``transpose`` round",
    },
    ("jnp.array([[1.0, 2.0], [3.0, 4.0]])", "jnp.array([[0, 1], [1, 2]])"),
    _fcn,
)
_DENSE = _Storage(
    "dense",
    Dense,
    "a dense matrix",
    {"weights": "the elements, (m, n)"},
    ("jnp.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])",),
    _dense,
)


def _product(storage: _Storage, rank: int, *, event: bool) -> Callable[..., Any]:
    words = _RANKS[rank]
    name = f"{'binary_' if event else ''}{storage.stem}{words.suffix}"

    def multiply(arrays: Sequence[Any], x: Any, shape: Any, transpose: bool, backend: str | None) -> Any:
        if not isinstance(x, EventRepresentation):
            x = BinaryArray(x) if event else as_array(x)
        if x.ndim != rank:
            other = next(each for each in _RANKS.values() if each is not words)
            raise MathError(
                f"{name} multiplies a {words.noun}, got an operand of shape {tuple(x.shape)}; a {other.noun} is for "
                f"{name.removesuffix(words.suffix)}{other.suffix}."
            )
        stored = storage.matrix(*arrays, shape=shape).__matrix_spec__
        return matrix_product(stored._replace(transposed=bool(transpose)), x, from_left=False, backend=backend)

    product = storage.signed(multiply)
    product.__name__ = product.__qualname__ = name
    product.__doc__ = _document(name, storage, words, event=event)
    return product


def _document(name: str, storage: _Storage, words: _Rank, *, event: bool) -> str:
    x, shown = words.examples[event]
    shaped = storage.matrix is not Dense
    return _DOC.format(
        name=name,
        title=storage.title,
        x=f"a {words.noun} of events" if event else f"a {words.noun}",
        arrays="\n    ".join(f"{array}: {about}." for array, about in storage.arrays.items()),
        operand="array in which an entry that is nonzero or True is an event and counts as 1" if event else "numbers",
        of_x=words.of_x,
        of_x_transposed=words.of_x.replace("n", "m"),
        of_result=words.of_result,
        of_result_transposed=words.of_result.replace("m", "n"),
        shape="\n    shape: (m, n), of the matrix before it is transposed." if shaped else "",
        dtype="Its dtype is that of the weights." if event else "Its dtype is the promoted one of both.",
        example=", ".join([*storage.example, x, *(["shape=(2, 3)"] if shaped else [])]),
        shown=shown,
    )


def _family(storage: _Storage) -> list[Callable[..., Any]]:
    """``[mv, mm, binary_mv, binary_mm]`` of a storage."""
    return [_product(storage, rank, event=event) for event in (False, True) for rank in _RANKS]


csrmv, csrmm, binary_csrmv, binary_csrmm = _family(_CSR)
coomv, coomm, binary_coomv, binary_coomm = _family(_COO)
fcnmv, fcnmm, binary_fcnmv, binary_fcnmm = _family(_FCN)
densemv, densemm, binary_densemv, binary_densemm = _family(_DENSE)
