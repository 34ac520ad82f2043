"""Edge lists in which neurons have ids: integers of any size, or names."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from brainevent_core import units
from brainevent_core._typing import ArrayLike, QuantityLike
from brainevent_core.errors import DTypeError, MathError, StructureError
from brainevent_core.formats import index_dtype
from brainevent_core.matrices import COO

__all__ = ["Edges", "Ids", "from_edges"]


class Ids(NamedTuple):
    """The ids of the neurons of a matrix, as NumPy arrays.

    Attributes:
        pre: the id of each row.
        post: the id of each column.
    """

    pre: np.ndarray
    post: np.ndarray


class Edges(NamedTuple):
    """The result of :func:`from_edges` and :func:`from_sonata`.

    Attributes:
        matrix: a :class:`~brainevent.COO`, with the edges in the given order.
        ids: the ids of its rows and columns: ``ids.pre[matrix.row]`` are the presynaptic ids of the edges.
    """

    matrix: COO
    ids: Ids


def from_edges(
    pre: npt.ArrayLike,
    post: npt.ArrayLike,
    weight: QuantityLike | None = None,
    *,
    delay: ArrayLike | None = None,
    pre_ids: npt.ArrayLike | None = None,
    post_ids: npt.ArrayLike | None = None,
) -> Edges:
    """Convert a list of edges between neurons with ids to a matrix.

    Args:
        pre: the id of the presynaptic neuron of each edge: integers of up to 64 bits, or strings; an array, a list, or
            a column of a table (anything that NumPy can convert to an array).
        post: the id of the postsynaptic neuron of each edge.
        weight: one for each edge, or one for all; a quantity if it has a unit. The default is 1.
        delay: whole steps until an event of the edge arrives, one for each edge or one for all;
            :func:`brainevent.steps` converts times. None: a matrix without delays.
        pre_ids: the ids of all presynaptic neurons, in the order of the rows, including neurons without synapses. By
            default, the ids that occur in ``pre``, sorted.
        post_ids: the same for the columns. For synapses within one population, give both the same ids.

    Returns:
        The matrix, and the ids of its rows and columns. Edges keep their order; edges between the same neurons add up.
        Convert the matrix with ``matrix.tocsr()`` before computing products.

    Raises:
        MathError: if ``pre`` and ``post`` have different lengths, or weights or delays have a wrong length.
        DTypeError: if ids are neither integers nor strings. Floats can't distinguish integers beyond 2**53.
        StructureError: if an id is not among those of its side, or occurs twice there.

    Example:
        >>> import brainevent
        >>> edges = brainevent.from_edges(["b", "a", "b"], [2**60 + 1, 2**60, 2**60], [0.5, 1.0, 2.0])
        >>> edges.matrix.todense()
        Array([[1. , 0. ],
               [2. , 0.5]], dtype=float32)
        >>> [str(name) for name in edges.ids.pre[edges.matrix.row]]
        ['b', 'a', 'b']
        >>> edges.ids.post.tolist() == [2**60, 2**60 + 1]
        True
    """
    sources, targets = _as_ids("pre", pre), _as_ids("post", post)
    if sources.shape != targets.shape:
        raise MathError(
            f"pre and post have one id for each edge, got {sources.size} and {targets.size}: they must have one length."
        )
    row, rows = _numbered("pre", sources, pre_ids)
    col, cols = _numbered("post", targets, post_ids)
    weights = 1.0 if weight is None else weight
    size = getattr(units.detach(weights)[0], "shape", np.shape(units.detach(weights)[0]))
    if tuple(size) not in ((), (1,), row.shape):
        raise MathError(f"weight is one number, or one for each of {row.size} edges; got shape {tuple(size)}.")
    if not isinstance(weights, units.Quantity) and not hasattr(weights, "dtype"):
        weights = np.asarray(weights)
    steps: Any = delay
    if delay is not None and np.shape(steps) not in ((), (1,), row.shape):  # (rows,) would mean one per neuron
        raise MathError(f"delay is one number, or one for each of {row.size} edges; got shape {np.shape(steps)}.")
    return Edges(COO(weights, row, col, shape=(rows.size, cols.size), delay=delay), Ids(rows, cols))


def _as_ids(name: str, values: Any) -> np.ndarray:
    """Ids as a vector of integers or strings, none of which was rounded."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise MathError(f"{name} is a vector of ids, got shape {array.shape}.")
    if array.dtype.kind == "f" and not isinstance(values, np.ndarray) and not hasattr(values, "dtype"):
        array = np.array(values, dtype=object)  # NumPy converts a list of signed and unsigned integers to floats
    if array.size == 0 and array.dtype.kind in "fO":
        return array.astype(np.int64)
    given = array.dtype
    if array.dtype.kind == "O":
        array = _of_objects(array)
    if array.dtype.kind not in "iuUST":
        raise DTypeError(
            f"{name} holds ids, which are integers of up to 64 bits or strings, all of one kind; got dtype {given}. "
            "Floats can't tell ids beyond 2**53 apart: read them as integers."
        )
    return array


def _of_objects(array: np.ndarray) -> np.ndarray:
    """Objects as strings or integers; unchanged if they are neither."""
    values = array.tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values)
    try:
        numbers = [operator.index(value) for value in values if not isinstance(value, bool)]
        if len(numbers) == len(values):
            return np.array(numbers, np.int64 if min(numbers) < 0 else np.uint64)
    except (TypeError, OverflowError):
        pass
    return array


def _numbered(name: str, used: np.ndarray, known: Any) -> tuple[np.ndarray, np.ndarray]:
    """The position of each used id among the ids of its side, and these ids."""
    if known is None:
        ids, numbers = np.unique(used, return_inverse=True)
        return numbers.astype(index_dtype(ids.size)), ids
    ids = _as_ids(f"{name}_ids", known)
    order = np.argsort(ids, kind="stable")
    ascending = ids[order]
    repeated = np.flatnonzero(ascending[1:] == ascending[:-1])
    if repeated.size:
        raise StructureError(f"{name}_ids has the id {ascending[repeated[0]]!r} twice: each neuron has its own.")
    sought, ascending_ = _comparable(name, used, ascending)
    at = np.searchsorted(ascending_, sought)
    found = (at < ids.size) & (ascending_[np.minimum(at, max(ids.size - 1, 0))] == sought) if ids.size else at < 0
    if not np.all(found):
        first = int(np.flatnonzero(~found)[0])
        raise StructureError(f"{name} has the id {used[first]!r} at position {first}, and {name}_ids has not.")
    return order[at].astype(index_dtype(ids.size)), ids


def _comparable(name: str, used: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays that can be compared without rounding: NumPy promotes int64 and uint64 to float64."""
    kinds = {used.dtype.kind, known.dtype.kind}
    if kinds == {"i", "u"}:
        return used.astype(object), known.astype(object)
    if len(kinds & set("iu")) == 1 and len(kinds) == 2:
        raise DTypeError(
            f"{name} holds {used.dtype} and {name}_ids {known.dtype}: ids are all integers, or all strings."
        )
    return used, known
