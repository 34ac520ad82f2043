"""The base class of all matrices, stored and generated: an immutable pytree with products, indexing and arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, overload

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import display, units
from brainevent_core._typing import Array, Clip, LearningRule, OperandLike, Quantity, QuantityLike, Shape
from brainevent_core.deprecated import meant
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.matrices.arguments import with_clear_errors
from brainevent_core.matrices.arithmetic import Arithmetic
from brainevent_core.matrices.conversion import Convertible
from brainevent_core.matrices.indexing import Indexing
from brainevent_core.ops import MatrixLike, MatrixSpec, apply_rule, dt2t, matmul, matrix_product, update
from brainevent_core.serialization import serializable

__all__ = ["Matrix"]

_Transpose_co = TypeVar("_Transpose_co", covariant=True)


class _HasTranspose(Protocol[_Transpose_co]):
    """A matrix, for type checkers, which infer from it the class of the transpose."""

    def _transpose(self) -> _Transpose_co: ...


def _public(matrix: object) -> list[str]:
    """The public names of a matrix."""
    return [name for name in dir(matrix) if not name.startswith("_")]


class Matrix(Arithmetic, Convertible, Indexing, u.sparse.SparseMatrix):
    """Base class of all matrices, also known as ``DataRepresentation``.

    Its two subclasses are :class:`~brainevent_core.matrices.StoredMatrix`, whose entries are stored in arrays, and
    :class:`~brainevent.JITCMatrix`, whose connections are generated just in time. The leaves of the pytree are the data
    and the structure's arrays; the shape is static. Matrices are immutable, and compared and hashed by identity.

    A subclass sets ``data``, ``shape``, ``_structure`` and ``__matrix_spec__`` in :meth:`_set`, and defines its static
    attributes (``_static``), the names of its leaves (``_names``), and its transpose (``_transpose``).
    """

    # NumPy defers binary operators to this class; brainunit's base class declares this only since 0.4.
    __array_ufunc__ = None

    #: The weights: an array or a quantity, of one weight per entry or of one for all.
    data: Array | Quantity
    #: (rows, columns), that is (presynaptic, postsynaptic) neurons.
    shape: Shape
    _structure: tuple[Array, ...]
    # Built once, because building it per call took a tenth of an eager product's time.
    __matrix_spec__: MatrixSpec

    def __init__(self, *arguments: object, **options: object) -> None:
        raise MathError(f"{type(self).__name__} is a base class: make one of its subclasses.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = with_clear_errors(cls.__init__)  # type: ignore[method-assign]
        jax.tree_util.register_pytree_with_keys(
            cls, cls._flatten_with_keys, cls.tree_unflatten, lambda self: self.tree_flatten()
        )
        serializable(cls)

    # -- pytree --------------------------------------------------------------------------------------------------

    def _set(self, data: Any, structure: tuple[Any, ...], *static: Any) -> None:
        """Set all attributes; ``static`` is :attr:`_static`. Nothing is checked, because JAX also sets placeholders."""
        raise NotImplementedError

    def _fill(self, data: Any, structure: tuple[Any, ...], shape: Shape, spec: MatrixSpec) -> None:
        fill = object.__setattr__
        fill(self, "data", data)
        fill(self, "shape", shape)
        fill(self, "_structure", structure)
        fill(self, "__matrix_spec__", spec)

    @property
    def _static(self) -> tuple[Any, ...]:
        """The static attributes; the shape comes first."""
        raise NotImplementedError

    @property
    def _names(self) -> Sequence[str]:
        """Names of the structure's arrays."""
        raise NotImplementedError

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.data, *self._structure), self._static

    @classmethod
    def tree_unflatten(cls, aux: tuple[Any, ...], children: Iterable[Any]) -> Self:
        self = object.__new__(cls)
        data, *structure = children
        self._set(data, tuple(structure), *aux)
        return self

    def _flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Any]:
        children, aux = self.tree_flatten()
        names = ("data", *self._names)
        return [(jax.tree_util.GetAttrKey(name), child) for name, child in zip(names, children, strict=True)], aux

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{type(self).__name__} is immutable; `with_data(new)` gives a matrix with other weights and the same "
            "structure."
        )

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    if not TYPE_CHECKING:  # hidden from type checkers, so that they report unknown attributes

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # protocols look these up in every eager product; a hint is slow
                raise AttributeError(name)
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # a property that failed: its own error
            fault = f"{type(self).__name__} has no attribute {name!r}"
            # Without obj=self, with which Python would add a second suggestion.
            raise AttributeError(fault + meant(name, _public(self)), name=name)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the weights."""
        return self.data.dtype

    @property
    def unit(self) -> units.Unit | None:
        """The unit of the weights, or None."""
        return units.unit_of(self.data)

    @property
    def nse(self) -> int:
        """Number of stored entries, or of generated connections."""
        raise NotImplementedError

    @property
    def nnz(self) -> int:
        """SciPy's name for :attr:`nse`."""
        return self.nse

    def in_degrees(self) -> Array:
        """The number of synapses of each postsynaptic neuron (column), int32, (columns,).

        All stored entries count, including those of weight 0 and duplicates; entries outside the matrix don't. For a
        :class:`~brainevent.Dense` matrix, nonzero elements count. For a generated matrix, counting generates the whole
        matrix.

        Raises:
            MathError: if the seed of a generated matrix is traced.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
            >>> weights.in_degrees(), weights.out_degrees()
            (Array([1, 2], dtype=int32), Array([1, 2], dtype=int32))
        """
        return self._degrees(1)

    def out_degrees(self) -> Array:
        """The number of synapses of each presynaptic neuron (row), int32, (rows,); see :meth:`in_degrees`."""
        return self._degrees(0)

    def _degrees(self, axis: int) -> Array:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """Number of axes, 2."""
        return 2

    @property
    def size(self) -> int:
        """Number of elements, rows times columns."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self._holds_arrays:
            return f"{name}(shape={self.shape}, data={self.data!r})"
        return f"{name}(shape={self.shape}, {', '.join(self._facts())})"

    def _repr_html_(self) -> str | None:
        """The display in notebooks: properties, and a picture of the positions of entries. None: use ``repr`` instead.

        Traced values are not evaluated, and only a sample of the entries of large matrices is read.
        """
        if not self._holds_arrays or not self._is_one_matrix():
            return None
        shape = f"{self.shape[0]:,} × {self.shape[1]:,} (pre × post)"
        memory = display.size_in_memory(units.detach(leaf)[0] for leaf in (self.data, *self._structure))
        facts = [("shape", shape), *self._shown(), ("memory", memory)]
        return display.card(type(self).__name__, facts, self._picture())

    @property
    def _holds_arrays(self) -> bool:
        """Whether all leaves are arrays, rather than other results of jax.tree.map."""
        return all(hasattr(units.detach(leaf)[0], "dtype") for leaf in (self.data, *self._structure))

    def _is_one_matrix(self) -> bool:
        """Whether the leaves have the shapes of a single matrix, rather than of a batch from ``vmap``."""
        raise NotImplementedError

    def _shown(self) -> Iterator[tuple[str, str]]:
        """The properties that a notebook shows between shape and memory, as names and texts."""
        yield "weights", display.numbers(self.data)

    def _picture(self) -> str:
        """A picture of the positions of entries, empty if they can't be read cheaply."""
        return ""

    def _facts(self) -> Iterator[str]:
        """The properties that ``repr`` shows after the shape."""
        yield f"dtype={self.dtype}"
        if self.unit is not None:
            yield f"unit={self.unit}"

    # -- with other data or another view -------------------------------------------------------------------------

    def with_data(self, data: QuantityLike, /) -> Self:
        """The same structure with other weights, whose dtype and unit the matrix gets."""
        raise NotImplementedError

    def _replace(self, data: Any) -> Self:
        """The same structure with other weights, which are not checked."""
        return self.tree_unflatten(self._static, (data, *self._structure))

    @property
    def T(self: _HasTranspose[_Transpose_co]) -> _Transpose_co:
        """The transpose, which shares the arrays."""
        return self._transpose()

    def transpose(self: _HasTranspose[_Transpose_co], axes: Sequence[int] | None = None) -> _Transpose_co:
        """The transpose, which shares the arrays; ``axes`` can be None or (1, 0), as for arrays."""
        if axes is not None and tuple(axes) not in ((1, 0), (-1, 0), (1, -2), (-1, -2)):
            raise MathError(f"A matrix is transposed by the axes (1, 0), got {tuple(axes)}.")
        return self._transpose()

    def _transpose(self) -> Matrix:
        raise UnsupportedOperationError(f"{type(self).__name__} has no transpose: its class must define _transpose().")

    def sum(self, axis: int | None = None) -> Array | Quantity:
        """The sum of all elements, of every column (``axis=0``) or of every row (``axis=1``)."""
        if axis not in (None, 0, 1, -1, -2):
            raise MathError(f"axis must be None, 0 or 1, got {axis!r}.")
        ones = jnp.ones(self.shape[1 if axis in (1, -1) else 0], self.dtype)
        sums = matrix_product(self.__matrix_spec__.unannotated, ones, from_left=axis not in (1, -1))
        return sums.sum() if axis is None else sums

    # -- products ------------------------------------------------------------------------------------------------

    def __matmul__(self, other: OperandLike | MatrixLike) -> Array | Quantity:
        return matmul(self, other)

    def __rmatmul__(self, other: OperandLike) -> Array | Quantity:
        return matmul(other, self)

    # -- plasticity ----------------------------------------------------------------------------------------------

    def update_on_pre(
        self,
        pre_spike: OperandLike,
        post_trace: QuantityLike,
        w_min: QuantityLike | None = None,
        w_max: QuantityLike | None = None,
        *,
        clip: Clip = "all",
        backend: str | None = None,
    ) -> Self:
        """Add the postsynaptic trace to the synapses of presynaptic neurons that spike.

        The weight of an entry (i, j) becomes ``weight + post_trace[j]`` if neuron i spikes; duplicates are all updated.
        Kernels work in place if the old weights are not needed any more: in a loop, or if they are donated.

        Args:
            pre_spike: (rows,); an event array, or a plain array in which nonzero entries are events.
            post_trace: (columns,), or one number for all neurons, in a unit that is compatible with the weights.
            w_min: lower bound of the weights, in a compatible unit, or None. One number; one number per weight, in the
                shape of the weights; or an array that broadcasts to the matrix: (rows, 1) has one bound per presynaptic
                neuron, (1, columns) one per postsynaptic neuron.
            w_max: upper bound, in the same forms; if it is less than ``w_min``, it has priority.
            clip: "all" clips every weight to the bounds, which is a pass over all weights; "updated" clips only weights
                that a spike has changed, at a cost that scales with the number of spikes if the matrix is compressed by
                rows or has a column index.
            backend: name of the backend that must run the update.

        Returns:
            A matrix with the same structure, whose weights keep their shape, dtype and unit. It is differentiable with
            respect to weights, trace and bounds in the same way as ``jnp.clip(weight + update, w_min, w_max)``, and
            straight-through with respect to float spikes.

        Raises:
            MathError: if lengths don't fit, or the weights are homogeneous.
            UnitMismatchError: if units are incompatible.
            UnsupportedOperationError: for just-in-time connectivity, whose weights are not stored.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
            >>> spikes = brainevent.BinaryArray(jnp.array([False, True]))
            >>> weights.update_on_pre(spikes, jnp.array([0.5, 0.25]), w_max=3.0).todense()
            Array([[0. , 1. ],
                   [2.5, 3. ]], dtype=float32)
        """
        options: Any = {"pre": True, "clip": clip, "backend": backend}
        return self._replace(update(self.__matrix_spec__, pre_spike, post_trace, w_min, w_max, **options))

    def update_on_post(
        self,
        pre_trace: QuantityLike,
        post_spike: OperandLike,
        w_min: QuantityLike | None = None,
        w_max: QuantityLike | None = None,
        *,
        clip: Clip = "all",
        backend: str | None = None,
    ) -> Self:
        """Add the presynaptic trace to the synapses of postsynaptic neurons that spike.

        The weight of an entry (i, j) becomes ``weight + pre_trace[i]`` if neuron j spikes; see :meth:`update_on_pre`.

        Args:
            pre_trace: (rows,), or one number for all neurons.
            post_spike: (columns,).
            w_min: lower bound of the weights.
            w_max: upper bound.
            clip: "all" or "updated".
            backend: name of the backend that must run the update.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_csc_index()
            >>> spikes = brainevent.BinaryArray(jnp.array([False, True]))
            >>> weights.update_on_post(jnp.array([0.5, 0.25]), spikes).todense()
            Array([[0.  , 1.5 ],
                   [2.  , 3.25]], dtype=float32)
        """
        options: Any = {"pre": False, "clip": clip, "backend": backend}
        return self._replace(update(self.__matrix_spec__, post_spike, pre_trace, w_min, w_max, **options))

    # -- learning rules of the user's own ------------------------------------------------------------------------

    @overload
    def apply_on_pre(
        self,
        rule: LearningRule,
        edge_state: Any,
        pre_spike: OperandLike,
        /,
        *,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any: ...

    @overload
    def apply_on_pre(
        self,
        rule: LearningRule,
        pre_spike: OperandLike,
        /,
        *,
        edge_state: Any = None,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any: ...

    def apply_on_pre(
        self,
        rule: LearningRule,
        *state_and_spikes: Any,
        edge_state: Any = None,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any:
        """Apply your own learning rule to the synapses of presynaptic neurons that spike.

        Call it as ``apply_on_pre(rule, edge_state, pre_spike)``, or as ``apply_on_pre(rule, pre_spike)`` for a rule
        whose state is the weights; ``edge_state`` is then an optional keyword.

        Args:
            rule: ``rule(edge, pre, post, params) → edge``, a function that JAX can trace, written for one synapse: its
                arguments are the state of the synapse, the values of its neurons, and the parameters, in the pytrees
                given below, and it returns the new state.
            edge_state: a pytree of arrays (or quantities) with one value per stored entry: of shape (nse,), (n, k)
                with a fixed number of synapses, (rows, columns) if dense, with any further axes last. By default, the
                weights.
            pre_spike: (rows,); an event array, or a plain array in which nonzero entries are events.
            pre_vals: a pytree of arrays (rows, ...), or of single numbers, of which the rule gets the values of the
                presynaptic neuron; or None.
            post_vals: the same for postsynaptic neurons, (columns, ...).
            params: a pytree that is passed to every synapse.
            backend: name of the backend that must run the update.

        Returns:
            The new state: the same pytree, with the same shapes, dtypes and units. Entries of silent neurons, and those
            that don't exist, keep their state. The result is differentiable with respect to the state, values,
            parameters, and variables that the rule closes over, if the rule is. With respect to float spikes it is
            straight-through, as if each existing entry added ``spike · (new - old)``.

        The cost scales with the number of events if the synapses of a neuron can be found, see :meth:`update_on_pre`.
        Otherwise they are searched once if the structure is concrete, and in every call if it is traced. A rule is
        traced once for each function and kind of arguments, so it must be pure, as for ``jax.jit``.

        Raises:
            MathError: if lengths don't fit, or the rule returns arrays of other shapes.
            DTypeError: if the rule returns another pytree, or numbers that the state's dtype can't hold.
            UnitMismatchError: if the rule returns an incompatible unit.
            UnsupportedOperationError: for just-in-time connectivity, whose synapses are not stored.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[1.0, 0.5], [0.0, 2.0]]))
            >>> def rule(edge, pre, post, params):  # a soft bound, and a trace of what was added
            ...     added = params["rate"] * (params["w_max"] - edge["w"]) * post
            ...     return {"w": edge["w"] + added, "trace": 0.9 * edge["trace"] + added}
            >>> state = {"w": weights.data, "trace": jnp.zeros(3)}
            >>> spikes = brainevent.BinaryArray(jnp.array([True, False]))
            >>> params = {"rate": 0.1, "w_max": 3.0}
            >>> weights.apply_on_pre(rule, state, spikes, post_vals=jnp.array([1.0, 0.5]), params=params)["w"]
            Array([1.2  , 0.625, 2.   ], dtype=float32)
        """
        state, spikes = self._state_and_spikes("apply_on_pre", edge_state, state_and_spikes)
        options: Any = {"pre_vals": pre_vals, "post_vals": post_vals, "params": params, "backend": backend}
        return apply_rule(self.__matrix_spec__, rule, state, spikes, pre=True, **options)

    @overload
    def apply_on_post(
        self,
        rule: LearningRule,
        edge_state: Any,
        post_spike: OperandLike,
        /,
        *,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any: ...

    @overload
    def apply_on_post(
        self,
        rule: LearningRule,
        post_spike: OperandLike,
        /,
        *,
        edge_state: Any = None,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any: ...

    def apply_on_post(
        self,
        rule: LearningRule,
        *state_and_spikes: Any,
        edge_state: Any = None,
        pre_vals: Any = None,
        post_vals: Any = None,
        params: Any = None,
        backend: str | None = None,
    ) -> Any:
        """Apply your own learning rule to the synapses of postsynaptic neurons that spike.

        Call it as ``apply_on_post(rule, edge_state, post_spike)``, or as ``apply_on_post(rule, post_spike)``; see
        :meth:`apply_on_pre`.

        Args:
            post_spike: (columns,).

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[1.0, 0.5], [0.0, 2.0]])).with_csc_index()
            >>> depress = lambda w, pre, post, rate: w - rate * w * pre
            >>> spikes = brainevent.BinaryArray(jnp.array([False, True]))
            >>> weights.apply_on_post(depress, spikes, pre_vals=jnp.array([1.0, 0.5]), params=0.1)
            Array([1.  , 0.45, 1.9 ], dtype=float32)
        """
        state, spikes = self._state_and_spikes("apply_on_post", edge_state, state_and_spikes)
        options: Any = {"pre_vals": pre_vals, "post_vals": post_vals, "params": params, "backend": backend}
        return apply_rule(self.__matrix_spec__, rule, state, spikes, pre=False, **options)

    def _state_and_spikes(self, name: str, state: Any, given: tuple[Any, ...]) -> tuple[Any, Any]:
        if len(given) == 2 and state is None:
            return given
        if len(given) != 1:
            raise MathError(
                f"{name} takes (rule, edge_state, spikes), or (rule, spikes) and edge_state=; got {len(given)} "
                f"arguments behind the rule{' and edge_state=' if state is not None else ''}."
            )
        return self.data if state is None else state, given[0]

    # -- sampled products ----------------------------------------------------------------------------------------

    def yw_to_w(self, y: QuantityLike, w: QuantityLike) -> Array | Quantity:
        """``w[k] * y[row of k]`` for every stored entry k.

        Args:
            y: one value per row.
            w: one value per stored entry: (nse,), (n, k) with a fixed number of synapses, (m, n) for a dense matrix,
                and (nse,) in the order of :meth:`tocsr` for a generated one; or one value for all. The weights of the
                matrix are not used.

        Returns:
            An array or quantity with the shape of the stored entries and the product of the units. Entries that do
            not exist give 0.

        Raises:
            MathError: if the shapes do not fit.
        """
        return dt2t(self._with_entries_of(w), y, w, axis=0)

    def yw_to_w_transposed(self, y: QuantityLike, w: QuantityLike) -> Array | Quantity:
        """``w[k] * y[column of k]`` for every stored entry k; see :meth:`yw_to_w`."""
        return dt2t(self._with_entries_of(w), y, w, axis=1)

    dt2t, dt2t_transposed = yw_to_w, yw_to_w_transposed

    def _with_entries_of(self, w: QuantityLike) -> MatrixSpec:
        """A stored matrix whose entries are those that ``w`` has a value for."""
        raise NotImplementedError
