"""The definition of a format: how a matrix of some ``shape`` is stored in arrays.

The arrays are the *data* (the weights) and the *structure* (the positions of the weights). Everything else about a
format is derived from :meth:`Format.entries`, once for all formats: products, derivatives, batching, conversions,
indexing. Kernels that use the layout directly list the formats that they support, see
:class:`~brainevent_core.plugins.Takes`.

A format can have *components*, additional arrays of the structure, which are objects as well: see :class:`Component`.
``CSR_FORMAT.with_component(CSC_INDEX)`` is the format of a CSR matrix with a column index.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from brainevent_core._by_name import ByName
from brainevent_core.errors import DTypeError, MathError, RegistrationError
from brainevent_core.formats.indices import index_dtype

__all__ = ["Component", "Entries", "Format", "Part", "Shape", "Structure"]

Shape = tuple[int, int]

#: The structure's arrays by name, as rules see them: ``structure.indices``.
Structure = SimpleNamespace


class Entries(NamedTuple):
    """The entries of a stored matrix, in storage order, as vectors.

    Attributes:
        row: the row of each entry.
        col: the column of each entry. An entry whose row or column is outside the shape does not exist.
        weight: the position of its weight in the flattened data; None if entry k has weight k. An entry whose position
            is outside has no weight, and adds nothing.
    """

    row: Any
    col: Any
    weight: Any = None


class Part(NamedTuple):
    """The structure of some rows or columns of a matrix, in NumPy.

    Attributes:
        arrays: the arrays of the structure, in order.
        weights: for each entry of the part, in the shape of its weights, the position of its weight in the flattened
            data of the whole matrix; -1 for an entry that does not exist.
    """

    arrays: tuple[np.ndarray, ...]
    weights: np.ndarray


def _nothing_wrong(structure: Structure, shape: Shape) -> str | None:
    return None


@dataclass(frozen=True, eq=False, repr=False)
class Component(ByName):
    """Additional arrays of a structure.

    A component changes the entries (``coordinates``, ``weight``); or is derived from them (``build``) and changes
    nothing, such as an index that kernels may use; or annotates them (``annotates``), such as delays, with values that
    only some operations use.

    The arrays of a component that annotates contain, in the orientation in which the matrix is stored, one number for
    all entries, (1,); one per row, (rows, 1), or column, (1, columns); or one per entry, (nse,).

    Attributes:
        name: its name in the names of formats and in messages.
        structure: names of its arrays.
        lengths: ``(nse, shape) → length of each array``, all of which are vectors; or the possible shapes.
        remedy: the advice for arrays of another length.
        coordinates: ``(row, col, structure, shape) → (row, col)``, the changed entries. None if it doesn't change them.
        weight: ``(structure, shape) → position of each entry's weight``; None if it doesn't change it.
        build: ``(format, structure, shape) → arrays``, for a derived component: computed from the format without it, on
            the host if that is concrete. None for a component that the user provides.
        draw: ``(rng, nse, shape, malformed) → arrays`` of NumPy, for a component that the user provides.
        check_values: ``(structure as NumPy arrays, shape) → message or None``: checks that need the values.
        annotates: for a component that annotates entries, why a matrix with it has no products, and what to do instead.
        compressed_columns: ``structure → (indices, indptr, weight)``, for a component with the entries by columns: the
            rows of the entries, the position of each column's first entry, and the positions of their weights.
        fits: ``format → bool``: the formats that can have it.
    """

    name: str
    structure: tuple[str, ...]
    lengths: Callable[[int, Shape], tuple[int | tuple[tuple[int, ...], ...], ...]]
    remedy: str
    coordinates: Callable[[Any, Any, Structure, Shape], tuple[Any, Any]] | None = None
    weight: Callable[[Structure, Shape], Any] | None = None
    build: Callable[[Format, Sequence[Any], Shape], tuple[Any, ...]] | None = None
    draw: Callable[[np.random.Generator, int, Shape, bool], Sequence[np.ndarray]] | None = None
    check_values: Callable[[Structure, Shape], str | None] = _nothing_wrong
    annotates: str = ""
    compressed_columns: Callable[[Structure], tuple[Any, Any, Any]] | None = None
    fits: Callable[[Format], bool] = lambda fmt: not fmt.stores_all

    @property
    def changes_entries(self) -> bool:
        """Whether it changes the entries."""
        return self.coordinates is not None or self.weight is not None


@dataclass(frozen=True, eq=False, repr=False)
class Format(ByName):
    """A storage format of a matrix: the value of a primitive's static parameter ``format``.

    Formats are compared by identity; :func:`~brainevent_core.formats.register_format` registers one by its name.

    Attributes:
        name: its name in messages, tables and files.
        structure: names of its own arrays, in order.
        data_shape: ``(structure, shape) → shape of one weight per entry``.
        check_abstract: ``(structure, shape) → message or None``: checks ranks and lengths, from shapes alone.
        check_values: ``(structure as NumPy arrays, shape) → message or None``: checks that need the values.
        coordinates: ``(structure, shape) → (row, col)``, vectors with one index per entry; entries with an index
            outside the shape do not exist. None if the data are the elements in their positions.
        draw: ``(rng, shape, per_row, malformed, dtype) → arrays`` of NumPy: a random structure with ``per_row`` entries
            per row on average, unsorted and with duplicates if the format allows that; if malformed, with typical
            mistakes of users. The tests of operations and backends use it.
        takes_homogeneous: whether the data can be a single weight for all entries, of shape (1,).
        compressed_rows: ``(structure, shape) → (indices, indptr)`` of compressed rows, if entries are in that order.
        column_array: for compressed rows, the name of the array that contains only the column of each entry, so that
            entries can get another column, and synapses can be added and removed in the places of their row.
        coordinates_at: ``(structure, shape, positions) → (row, col)`` of the entries at some positions, in storage
            order, without reading the others; for the pictures in notebooks. The arrays can be NumPy arrays. None if
            this is impossible: matrices with many entries are then shown without a picture.
        part: ``(structure as NumPy arrays, shape, axis, start, stop) → Part``: the rows (axis 0) or columns (1) from
            start to stop, counted from 0. With this function, matrices can be split over devices; their parts are
            padded with indices outside the shape.
        join: ``(structures, shapes, axis) → (arrays, weights)``: the structure of consecutive parts along an axis, and
            the position of each weight in the flattened and concatenated data of the parts.
        components: its components, see :meth:`with_component`.
        label: its name in messages, with the names of its classes; by default its quoted name.
    """

    name: str
    structure: tuple[str, ...]
    data_shape: Callable[[Structure, Shape], tuple[int, ...]]
    check_abstract: Callable[[Structure, Shape], str | None] = _nothing_wrong
    check_values: Callable[[Structure, Shape], str | None] = _nothing_wrong
    coordinates: Callable[[Structure, Shape], tuple[Any, Any]] | None = None
    draw: Callable[[np.random.Generator, Shape, int, bool, str], Sequence[np.ndarray]] | None = None
    takes_homogeneous: bool = True
    compressed_rows: Callable[[Structure, Shape], tuple[Any, Any]] | None = None
    column_array: str | None = None
    coordinates_at: Callable[[Structure, Shape, np.ndarray], tuple[Any, Any]] | None = None
    part: Callable[[Structure, Shape, int, int, int], Part] | None = None
    join: Callable[[Sequence[Structure], Sequence[Shape], int], tuple[tuple[np.ndarray, ...], np.ndarray]] | None = None
    components: tuple[Component, ...] = ()
    label: str = ""
    _base: Format | None = None
    _carrying: dict[Component, Format] = field(default_factory=dict, init=False)

    # -- components ----------------------------------------------------------------------------------------------

    @property
    def full_name(self) -> str:
        """The name of the format, followed by those of its components: ``csr:csc_index``."""
        return ":".join((self.name, *(component.name for component in self.components)))

    @property
    def known_as(self) -> str:
        return self.full_name

    @property
    def _title(self) -> str:
        """Its name in messages."""
        names = (self.label or repr(self.name), *(component.name for component in self.components))
        return " with ".join(names)

    @property
    def base(self) -> Format:
        """The format without its components."""
        return self._base or self

    @property
    def turned(self) -> Format:
        """The format of the same arrays after rows and columns were swapped in them: itself, as it isn't split."""
        return self

    def with_component(self, component: Component) -> Format:
        """The format with one more component; the same object for the same component.

        Components that annotate come before derived ones, independently of the order of calls.

        Raises:
            RegistrationError: if it already has the component, or can't have it.
        """
        if component not in self._carrying:
            fault = _why_not(self, component)
            if fault:
                raise RegistrationError(f"{self.full_name!r} can't carry the component {component!r}: {fault}.")
            self._carrying[component] = self._with(component)
        return self._carrying[component]

    def _with(self, component: Component) -> Format:
        derived = [one for one in self.components if one.build is not None]
        if not (component.annotates and derived):
            return replace(self, components=(*self.components, component), _base=self.base)
        given = self
        for one in derived:
            given = given.without(one)
        return functools.reduce(Format.with_component, derived, given.with_component(component))

    def without(self, component: Component) -> Format:
        """The format without one of its components, or itself if it doesn't have this component."""
        if component not in self.components:
            return self
        others = (one for one in self.components if one is not component)
        return functools.reduce(Format.with_component, others, self.base)

    def carries(self, component: Component) -> bool:
        """Whether it has the component."""
        return component in self.components

    @functools.cached_property
    def annotations(self) -> tuple[Component, ...]:
        """The components that annotate entries."""
        return tuple(component for component in self.components if component.annotates)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays of the structure: its own, then those of its components."""
        return (*self.structure, *(name for component in self.components for name in component.structure))

    def named(self, arrays: Sequence[Any]) -> Structure:
        """The structure's arrays by name."""
        return Structure(**dict(zip(self.names, arrays, strict=True)))

    # -- what a structure means ----------------------------------------------------------------------------------

    @property
    def stores_all(self) -> bool:
        """Whether the data are the elements in their positions."""
        return self.coordinates is None

    def weights_shape(self, arrays: Sequence[Any], shape: Shape) -> tuple[int, ...]:
        """The shape of one weight per entry."""
        return self.data_shape(self.named(arrays), shape)

    def nse(self, arrays: Sequence[Any], shape: Shape) -> int:
        """The number of stored entries, including those that don't exist."""
        return prod(self.weights_shape(arrays, shape))

    def entries(self, arrays: Sequence[Any], shape: Shape) -> Entries:
        """The positions of the entries, including changes by components."""
        if self.coordinates is None:
            row, col = (index.reshape(-1) for index in jnp.indices(shape, jnp.int32))
            return Entries(row, col)
        structure = self.named(arrays)
        row, col = self.coordinates(structure, shape)
        weight = None
        for component in self.components:
            if component.coordinates is not None:
                row, col = component.coordinates(row, col, structure, shape)
            if component.weight is not None:
                weight = component.weight(structure, shape)
        return Entries(row, col, weight)

    def rows_of(self, arrays: Sequence[Any], shape: Shape) -> tuple[Any, Any] | None:
        """``(indices, indptr)`` of compressed rows, None unless the entries are stored in that order."""
        if self.compressed_rows is None or any(component.coordinates for component in self.components):
            return None
        return self.compressed_rows(self.named(arrays), shape)

    def columns_of(self, arrays: Sequence[Any]) -> tuple[Any, Any, Any] | None:
        """``(indices, indptr, weight)`` of compressed columns, None unless a component provides them."""
        structure = self.named(arrays)
        found = (one.compressed_columns(structure) for one in self.components if one.compressed_columns is not None)
        return next(found, None)

    def is_homogeneous(self, data: Any) -> bool:
        """Whether ``data`` is one weight for all entries."""
        return self.takes_homogeneous and tuple(data.shape) == (1,)

    def random_structure(
        self,
        rng: np.random.Generator,
        shape: Shape,
        per_row: int,
        *,
        malformed: bool = False,
        dtype: str = "int32",
    ) -> list[Any]:
        """A random structure, in NumPy.

        Args:
            rng: the random generator.
            shape: of the stored matrix.
            per_row: the average number of entries per row.
            malformed: whether there are indices outside the shape, and other typical mistakes.
            dtype: of the indices.

        Raises:
            RegistrationError: if the format, or one of its components, has no ``draw``.
        """
        if self.draw is None:
            raise RegistrationError(f"The format {self.name!r} draws no structures: give it draw=.")
        arrays: list[Any] = list(self.draw(rng, shape, per_row, malformed, dtype))
        carrier = self.base
        for component in self.components:
            if component.build is not None:
                arrays += map(np.asarray, component.build(carrier, [jnp.asarray(array) for array in arrays], shape))
            elif component.draw is not None:
                arrays += component.draw(rng, carrier.nse(arrays, shape), shape, malformed)
            else:
                raise RegistrationError(f"The component {component.name!r} draws no arrays: give it draw= or build=.")
            carrier = carrier.with_component(component)
        return arrays

    # -- checks --------------------------------------------------------------------------------------------------

    def validate(self, data: Any, arrays: Sequence[Any], shape: Shape) -> None:
        """Check ranks, lengths and dtypes, but not values.

        Args:
            data: the weights, or their abstract value.
            arrays: the structure's arrays, or their abstract values.
            shape: the matrix's shape.

        Raises:
            DTypeError: if a structure array does not hold integers.
            MathError: if ranks or lengths do not fit, or an axis is too long for JAX's integers.
        """
        self.require_arrays(arrays)
        if not self.stores_all:
            index_dtype(*shape)
        structure = self.named(arrays)
        fault = self.check_abstract(structure, shape)
        if fault:
            raise MathError(fault)
        per_entry = self.data_shape(structure, shape)
        for component in self.components:
            for name, length in zip(component.structure, component.lengths(prod(per_entry), shape), strict=True):
                given = tuple(getattr(structure, name).shape)
                possible = ((length,),) if isinstance(length, int) else length
                if given not in possible:
                    shapes = " or ".join(map(str, dict.fromkeys(possible)))
                    raise MathError(f"{name} must have shape {shapes}, got {given}; {component.remedy}")
        if tuple(data.shape) != per_entry and not self.is_homogeneous(data):
            alternative = " or (1,) (one for all)" if self.takes_homogeneous else ""
            raise MathError(
                f"The weights of this matrix ({self._title}) must have shape {per_entry} (one per entry){alternative}, "
                f"got {tuple(data.shape)}."
            )

    def require_arrays(self, arrays: Sequence[Any]) -> None:
        """Check the number of structure arrays, and that they hold integers.

        Raises:
            MathError: if there are more or fewer arrays.
            DTypeError: if one does not hold integers.
        """
        if len(arrays) != len(self.names):
            raise MathError(
                f"A matrix ({self._title}) has the structure arrays {', '.join(self.names) or '(none)'}; "
                f"got {len(arrays)} arrays."
            )
        self.require_integers(arrays)

    def require_integers(self, arrays: Sequence[Any]) -> None:
        """Check that index arrays have not become floats, as can happen by ``jax.tree.map`` over a matrix.

        Raises:
            DTypeError: if one does not hold integers; names the first one.
        """
        for label, array in zip(self.names, arrays):
            if not jnp.issubdtype(array.dtype, jnp.integer):
                raise DTypeError(
                    f"{label} of a matrix ({self._title}) must hold integers, got dtype {array.dtype}. Index arrays "
                    "have no derivative: differentiate with respect to the weights (`with_data` is the idiom)."
                )

    def fault_of_values(self, arrays: Sequence[np.ndarray], shape: Shape) -> str | None:
        """The fault in the values of a structure of NumPy arrays, or None."""
        structure = self.named(arrays)
        checks = (self.check_values, *(component.check_values for component in self.components))
        return next((fault for check in checks if (fault := check(structure, shape))), None)


def _why_not(fmt: Format, component: Component) -> str | None:
    """Why a format can't carry a component."""
    derived = [one.name for one in fmt.components if one.build is not None]
    if component in fmt.components:
        return "it has it already"
    if not component.fits(fmt):
        return "the component does not fit it"
    if set(component.structure) & set(fmt.names):
        return f"it has an array of the same name, one of {', '.join(component.structure)}"
    if component.annotates:
        moved = next((one.name for one in fmt.components if one.weight is not None), None)
        return moved and f"the weights of {moved!r} are in another order than the entries that it annotates"
    if not component.changes_entries:
        nothing = "the component neither changes nor annotates entries, nor is it derived from them"
        return None if component.build is not None else nothing
    if fmt.stores_all:
        return "it stores every element, and has no entries to change"
    if derived:
        return f"it changes the entries that {derived[0]!r} was derived from; add it before that"
    if component.weight and any(one.weight for one in fmt.components):
        return "another component says where weights are"
    if component.weight and fmt.annotations:
        return f"{fmt.annotations[0].name!r} annotates entries in the order of their weights"
    return None
