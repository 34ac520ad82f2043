"""What all matrices share: an immutable pytree of data and structure, and products with events and arrays."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicate
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import Format
from brainevent_core.matrices.arithmetic import Arithmetic
from brainevent_core.matrices.conversion import Convertible
from brainevent_core.matrices.indexing import Indexing
from brainevent_core.matrices.structure import as_index_array, as_integers, check_values
from brainevent_core.ops import MatrixSpec, broadcast_weights, dt2t, entries_of, matmul, segment_sum, update
from brainevent_core.ops.matmul import as_array
from brainevent_core.serialization import serializable

__all__ = ["DataRepresentation", "as_data", "as_shape"]


class DataRepresentation(Arithmetic, Convertible, Indexing, u.sparse.SparseMatrix):
    """Base class of all matrices.

    A subclass says which format it stores and whether it is the transpose of what is stored; everything else
    follows from the format. Leaves of the pytree are the data and the structure's arrays; the shape is static.
    Matrices are immutable, compared and hashed by identity.
    """

    # NumPy leaves binary operators to us; brainunit's base class says so only since 0.4.
    __array_ufunc__ = None

    #: What the constructor's arrays mean. An instance may be stored in a format with further, derived arrays.
    _format: ClassVar[Format]
    #: Whether the matrix is the transpose of what its format stores.
    _transposed: ClassVar[bool] = False

    data: Any
    shape: tuple[int, int]
    _structure: tuple[Any, ...]
    __matrix_spec__: MatrixSpec

    def __init__(
        self, data: Any, *structure: Any, shape: Sequence[int] | None = None, check: bool = True, **named: Any
    ) -> None:
        fmt = self._format
        names = fmt.structure
        if shape is None:
            raise MathError(f"{type(self).__name__} needs shape=(rows, columns).")
        if not structure and not named and isinstance(data, (tuple, list)) and len(data) == 1 + len(names):
            data, *given = data
        else:
            given = [*structure, *(named.pop(name) for name in names[len(structure) :] if name in named)]
        if len(given) != len(names) or named:
            surplus = "".join(f" and {name}=" for name in named)
            raise MathError(
                f"{type(self).__name__} takes ({', '.join(('data', *names))}) or one tuple of them, and shape=; got "
                f"{1 + len(given)} arrays{surplus}."
            )
        shape = as_shape(shape)
        stored_shape = shape[::-1] if self._transposed else shape
        data = as_data(data)
        given = [as_integers(label, array) for label, array in zip(names, given, strict=True)]
        if data.size == 1 and data.ndim > 1 and fmt.takes_homogeneous and given[0].size != 1:
            data = data.reshape(1)  # whatever its rank, one number is one for all; but that of one synapse is its own
        bare = units.detach(data)[0]
        fmt.validate(bare if bare.ndim else bare.reshape(1), given, stored_shape)
        if check:
            check_values(fmt, given, stored_shape)
        self._set(data, tuple(map(as_index_array, given)), shape, fmt)

    def _set(self, data: Any, structure: tuple[Any, ...], shape: tuple[int, int], format: Format) -> None:
        fill = object.__setattr__
        fill(self, "data", data)
        fill(self, "shape", shape)
        fill(self, "_structure", structure)
        # What products ask for, ready-made: building it per call cost a tenth of an eager product.
        stored_shape = shape[::-1] if self._transposed else shape
        fill(self, "__matrix_spec__", MatrixSpec(format, data, structure, stored_shape, self._transposed))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_with_keys(
            cls, cls._flatten_with_keys, cls.tree_unflatten, lambda self: self.tree_flatten()
        )
        serializable(cls)

    # -- pytree --------------------------------------------------------------------------------------------------

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        return (self.data, *self._structure), (self.shape, self.__matrix_spec__.format)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Iterable[Any]) -> Self:
        # Nothing is checked here: JAX unflattens with placeholders, too, and on every call of a jitted function.
        self = object.__new__(cls)
        data, *structure = children
        self._set(data, tuple(structure), *aux)
        return self

    def _flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Any]:
        children, aux = self.tree_flatten()
        names = ("data", *self.__matrix_spec__.format.names)
        return [(jax.tree_util.GetAttrKey(name), child) for name, child in zip(names, children, strict=True)], aux

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{type(self).__name__} is immutable; `with_data(new)` gives a matrix with other weights and the same "
            "structure."
        )

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The dtype of the weights."""
        return self.data.dtype

    @property
    def nse(self) -> int:
        """Number of stored entries."""
        stored = self.__matrix_spec__
        return int(stored.format.nse(stored.structure, stored.shape))

    @property
    def unit(self) -> Any:
        """The unit of the weights, None if they have none."""
        return units.unit_of(self.data)

    def __repr__(self) -> str:
        if not all(hasattr(leaf, "dtype") for leaf in (self.data, *self._structure)):
            # A pytree of something else than arrays, as jax.tree.map makes them.
            return f"{type(self).__name__}(shape={self.shape}, data={self.data!r})"
        unit = f", unit={self.unit}" if self.unit is not None else ""
        index = "".join(f", {component}" for component in self.__matrix_spec__.format.components)
        return f"{type(self).__name__}(shape={self.shape}, nse={self.nse}, dtype={self.dtype}{unit}{index})"

    # -- with other data or another view -------------------------------------------------------------------------

    def with_data(self, data: Any) -> Self:
        """The same structure with other weights; dtype and unit become theirs.

        Args:
            data: one weight per entry, or one for all, of the shape of the present ones.

        Raises:
            MathError: if the shape differs from that of the present weights.
        """
        data = as_data(data)
        if tuple(data.shape) != tuple(self.data.shape) and not (data.size == 1 == self.data.size):
            raise MathError(
                f"with_data takes weights of the present shape {tuple(self.data.shape)}, got {tuple(data.shape)}."
            )
        return self._replace(data)

    def _replace(self, data: Any) -> Any:
        return self.tree_unflatten(self.tree_flatten()[1], (data, *self._structure))

    def _view(self, cls: "type[DataRepresentation]", shape: tuple[int, int]) -> Any:
        """The same arrays, an index among them, read by another class."""
        return cls.tree_unflatten((shape, self.__matrix_spec__.format), (self.data, *self._structure))

    def transpose(self, axes: Sequence[int] | None = None) -> "DataRepresentation":
        """The transpose, which shares the arrays; ``axes`` can be None or (1, 0), as for arrays."""
        if axes is not None and tuple(axes) not in ((1, 0), (-1, 0), (1, -2), (-1, -2)):
            raise MathError(f"A matrix is transposed by the axes (1, 0), got {tuple(axes)}.")
        return self._transpose()

    def _transpose(self) -> "DataRepresentation":
        raise NotImplementedError

    def todense(self) -> Any:
        """The matrix as an array (or quantity) of shape ``self.shape``; duplicates add up."""
        data, unit = units.detach(self.data)
        row, col, *_ = entries_of(self.__matrix_spec__)
        return units.attach(segment_sum(broadcast_weights(self.__matrix_spec__, data), (row, col), self.shape), unit)

    def sum(self, axis: int | None = None) -> Any:
        """The sum of all elements, of every column (``axis=0``) or of every row (``axis=1``)."""
        if axis not in (None, 0, 1, -1, -2):
            raise MathError(f"axis must be None, 0 or 1, got {axis!r}.")
        ones = jnp.ones(self.shape[1 if axis in (1, -1) else 0], self.dtype)
        sums = self @ ones if axis in (1, -1) else ones @ self
        return sums.sum() if axis is None else sums

    # -- products ------------------------------------------------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

    # -- plasticity ----------------------------------------------------------------------------------------------

    def update_on_pre(
        self,
        pre_spike: Any,
        post_trace: Any,
        w_min: Any = None,
        w_max: Any = None,
        *,
        clip: str = "all",
        backend: str | None = None,
    ) -> Self:
        """The matrix after presynaptic spikes: each adds the trace of the postsynaptic neuron to its synapses.

        The weight of an entry (i, j) becomes ``weight + post_trace[j]`` if neuron i spikes; duplicates all do. Kernels
        work in place where the old weights are not needed any more: in a loop, or if they are donated.

        Args:
            pre_spike: (rows,); an event array, or a plain one in which nonzero entries are events.
            post_trace: (columns,), or one number for all; in a unit that fits that of the weights.
            w_min: lower bound of the weights, a number in such a unit; None for none.
            w_max: upper bound; where it is less than ``w_min`` it wins.
            clip: "all" clips every weight to the bounds, which costs a pass over all; "updated" only those that a spike
                has changed, which costs the spikes if the matrix is compressed by rows or has a column index.
            backend: name of the backend that must run it.

        Returns:
            A matrix with the same structure; weights keep shape, dtype and unit. It is differentiable with respect to
            weights, trace and bounds as ``jnp.clip(weight + update, w_min, w_max)`` is, and straight-through with
            respect to float spikes.

        Raises:
            MathError: if lengths don't fit, or one weight stands for all entries.
            UnitMismatchError: if units don't fit.
            UnsupportedOperationError: for just-in-time connectivity, whose weights are stored nowhere.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
            >>> spikes = brainevent.BinaryArray(jnp.array([False, True]))
            >>> weights.update_on_pre(spikes, jnp.array([0.5, 0.25]), w_max=3.0).todense()
            Array([[0. , 1. ],
                   [2.5, 3. ]], dtype=float32)
        """
        options: Any = {"pre": True, "clip": clip, "backend": backend}
        return self.with_data(update(self.__matrix_spec__, pre_spike, post_trace, w_min, w_max, **options))

    def update_on_post(
        self,
        pre_trace: Any,
        post_spike: Any,
        w_min: Any = None,
        w_max: Any = None,
        *,
        clip: str = "all",
        backend: str | None = None,
    ) -> Self:
        """The matrix after postsynaptic spikes: each adds the trace of the presynaptic neuron to its synapses.

        The weight of an entry (i, j) becomes ``weight + pre_trace[i]`` if neuron j spikes; see :meth:`update_on_pre`.

        Args:
            pre_trace: (rows,), or one number for all.
            post_spike: (columns,).
            w_min: lower bound of the weights.
            w_max: upper bound.
            clip: "all" or "updated".
            backend: name of the backend that must run it.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_csc_index()
            >>> spikes = brainevent.BinaryArray(jnp.array([False, True]))
            >>> weights.update_on_post(jnp.array([0.5, 0.25]), spikes).todense()
            Array([[0.  , 1.5 ],
                   [2.  , 3.25]], dtype=float32)
        """
        options: Any = {"pre": False, "clip": clip, "backend": backend}
        return self.with_data(update(self.__matrix_spec__, post_spike, pre_trace, w_min, w_max, **options))

    # -- for learning rules --------------------------------------------------------------------------------------

    def yw_to_w(self, y: Any, w: Any) -> Any:
        """``w[k] * y[row of k]`` for every stored entry k.

        Args:
            y: one value per row.
            w: one value per stored entry: (nse,), (n, k) with a fixed number of synapses, (m, n) for a dense matrix;
                or one for all. The weights of the matrix are not looked at.

        Returns:
            An array or quantity of the shape of the stored entries, in the product of the units. An entry that does
            not exist gives 0.

        Raises:
            MathError: if the shapes do not fit.
        """
        return dt2t(self.__matrix_spec__, y, w, axis=0)

    def yw_to_w_transposed(self, y: Any, w: Any) -> Any:
        """``w[k] * y[column of k]`` for every stored entry k; see :meth:`yw_to_w`."""
        return dt2t(self.__matrix_spec__, y, w, axis=1)

    dt2t, dt2t_transposed = yw_to_w, yw_to_w_transposed


def dense_parts(dense: Any) -> tuple[Any, Any]:
    """``(elements, unit)`` of a dense matrix; elements whose values can be seen are a NumPy array.

    Raises:
        MathError: if it is not two-dimensional.
    """
    if isinstance(dense, (list, tuple)):
        dense = np.asarray(dense)  # not jnp, which would make a tracer of it inside jit
    mantissa, unit = units.detach(dense if isinstance(dense, np.ndarray) else replicate(as_array(dense)))
    if not isinstance(mantissa, jax.core.Tracer):
        mantissa = np.asarray(mantissa)
        if mantissa.dtype == object:
            raise DTypeError(f"A dense matrix holds numbers, got dtype {mantissa.dtype}.")
    if mantissa.ndim != 2:
        raise MathError(f"fromdense takes a matrix, got shape {tuple(mantissa.shape)}.")
    return mantissa, unit


def nonzero(elements: Any, nse: int | None) -> tuple[Any, Any, Any]:
    """``(values, row, col)`` of the nonzero elements in row order; surplus slots stand outside the shape.

    Of traced elements, of which nobody can say how many are nonzero, the first ``nse`` are taken.

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
        return values, row.astype(jnp.int32), col.astype(jnp.int32)
    row, col = (index.astype(np.int32) for index in np.nonzero(elements))
    values = elements[row, col]
    if nse is not None:
        if row.size > nse:
            raise MathError(f"The array has {row.size} nonzero elements, more than nse={nse}; entries would be lost.")
        row = np.pad(row, (0, nse - row.size), constant_values=rows)
        col = np.pad(col, (0, nse - col.size), constant_values=cols)
        values = np.pad(values, (0, nse - values.size))
    return values, row, col


def as_shape(shape: Sequence[int]) -> tuple[int, int]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = ()
    if len(sizes) != 2 or min(sizes) < 0:
        raise MathError(f"shape must be two whole numbers (rows, columns), got {shape!r}.")
    return sizes


def as_data(data: Any) -> Any:
    """Weights as an array, or a quantity over one."""
    mantissa, unit = units.detach(data)
    mantissa = as_array(mantissa)
    if isinstance(mantissa, units.Quantity):  # __jax_array__ of a wrapper may give a quantity
        mantissa, unit = units.detach(mantissa)
    return units.attach(jnp.asarray(mantissa), unit)
