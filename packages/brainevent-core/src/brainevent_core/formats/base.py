"""What a format is.

A format says how a matrix of some ``shape`` is laid out in arrays: the *data* (the weights) and the *structure*
(where they stand). Everything else about it (products, derivatives, batching) follows from :attr:`Format.entries`,
once, for all formats. Kernels that know a layout better dispatch on the format's name.

The one rule for malformed structures, on every backend: an entry outside the shape does not exist. A negative index
is outside; it never wraps around.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import x64_enabled
from brainevent_core.errors import DTypeError, MathError

__all__ = ["FORMATS", "Format", "get_format", "pointer_dtype", "register_format", "signed", "within"]

Shape = tuple[int, int]


@dataclass(frozen=True)
class Format:
    """A way of storing a matrix.

    Attributes:
        name: as it appears in a primitive's ``format`` parameter.
        structure: names of the structure's arrays, in order.
        data_shape: ``(structure, shape) → shape of one weight per entry``.
        check_abstract: ``(structure, shape) → message or None``: ranks and lengths, from shapes alone.
        check_values: ``(structure as NumPy arrays, shape) → message or None``: what only the values can tell.
        entries: ``(structure, shape) → (row, col)``, one index pair per entry, flattened; entries with an index
            outside the shape do not exist. None if the format stores every element.
        slots: ``(structure, shape) → position in the data of each entry's weight``, where weights are in another order
            than entries. None if entry k has weight k.
        takes_homogeneous: whether one weight, of shape (1,), may stand for all entries.
        by_rows: ``(structure, shape) → (indices, indptr)`` of compressed rows, if that is the order of the entries.
        extends: name of the format whose arrays come first, if this one has further ones behind them.
    """

    name: str
    structure: tuple[str, ...]
    data_shape: Callable[[Sequence[Any], Shape], tuple[int, ...]]
    check_abstract: Callable[[Sequence[Any], Shape], str | None]
    check_values: Callable[[Sequence[np.ndarray], Shape], str | None] = field(default=lambda structure, shape: None)
    entries: Callable[[Sequence[Any], Shape], tuple[Any, Any]] | None = None
    slots: Callable[[Sequence[Any], Shape], Any] | None = None
    takes_homogeneous: bool = True
    by_rows: Callable[[Sequence[Any], Shape], tuple[Any, Any]] | None = None
    extends: str | None = None

    @property
    def base(self) -> str:
        """The name of the format without what extends it."""
        return self.extends or self.name

    def validate(self, data: Any, structure: Sequence[Any], shape: Shape) -> None:
        """Check ranks, lengths and dtypes; values are not looked at.

        Args:
            data: the weights, or their abstract value.
            structure: the structure's arrays, or their abstract values.
            shape: the matrix's shape.

        Raises:
            DTypeError: if a structure array does not hold integers.
            MathError: if ranks or lengths do not fit.
        """
        if len(structure) != len(self.structure):
            raise MathError(
                f"Format {self.name!r} has the structure arrays {', '.join(self.structure) or '(none)'}; "
                f"got {len(structure)} arrays."
            )
        self.require_integers(structure)
        fault = self.check_abstract(structure, shape)
        if fault:
            raise MathError(fault)
        per_entry = self.data_shape(structure, shape)
        if tuple(data.shape) != per_entry and not (self.takes_homogeneous and tuple(data.shape) == (1,)):
            alternative = " or (1,) (one for all)" if self.takes_homogeneous else ""
            raise MathError(
                f"The weights of this {self.name!r} matrix must have shape {per_entry} (one per entry){alternative}, "
                f"got {tuple(data.shape)}."
            )

    def require_integers(self, structure: Sequence[Any]) -> None:
        """Refuse index arrays that have become floats, as ``jax.tree.map`` over a matrix makes them.

        Raises:
            DTypeError: naming the first array that does not hold integers.
        """
        for label, array in zip(self.structure, structure):
            if not jnp.issubdtype(array.dtype, jnp.integer):
                raise DTypeError(
                    f"{label} of a {self.name!r} matrix must hold integers, got dtype {array.dtype}. Index arrays "
                    "have no derivative: differentiate with respect to the weights (`with_data` is the idiom)."
                )

    def is_homogeneous(self, data: Any) -> bool:
        """Whether ``data`` is one weight for all entries."""
        return self.takes_homogeneous and tuple(data.shape) == (1,)


#: All formats by name. Primitives look their ``format`` parameter up here.
FORMATS: dict[str, Format] = {}


def register_format(fmt: Format) -> None:
    """Add a format to the table; every primitive then takes it, on the reference at least."""
    FORMATS[fmt.name] = fmt


def get_format(name: str) -> Format:
    """The format of that name; KeyError if there is none."""
    return FORMATS[name]


def signed(indices: Any) -> Any:
    """Indices as int32, or int64 where they are 64-bit and x64 is on; a value that does not fit becomes -1.

    It was outside every shape before, and -1 is.
    """
    dtype = indices.dtype
    wide = jnp.int64 if x64_enabled() and dtype.itemsize == 8 else jnp.int32
    if np.can_cast(dtype, wide):
        return indices.astype(wide)
    limit = jnp.iinfo(wide).max
    fits = indices <= limit
    if jnp.issubdtype(dtype, jnp.signedinteger):
        fits &= indices >= 0
    return jnp.where(fits, indices.astype(wide), -1)


def within(indices: Any, length: int) -> Any:
    """Indices as int32, or int64 if ``length`` needs it; one outside [0, length) becomes -1.

    JAX narrows 64-bit indices of smaller arrays to 32 bits, and would wrap large ones into valid ones.
    """
    index = signed(indices)
    inside = jnp.where((index >= 0) & (index < length), index, -1)
    return inside.astype(jnp.int32) if length <= np.iinfo(np.int32).max else inside


def pointer_dtype(nse: int) -> Any:
    """The dtype of numbers that count up to ``nse`` entries: int32, or int64 if they need it.

    Raises:
        MathError: if they need it, and JAX has no 64-bit numbers.
    """
    if nse <= np.iinfo(np.int32).max:
        return np.int32
    if not x64_enabled():
        raise MathError(f"To count {nse} entries takes 64-bit numbers: set jax_enable_x64.")
    return np.int64


def out_of_range(label: str, indices: np.ndarray, bound: int, what: str) -> str | None:
    """A message if any of ``indices`` is outside ``[0, bound)``."""
    if indices.size == 0:
        return None
    low, high = int(indices.min()), int(indices.max())
    if low >= 0 and high < bound:
        return None
    where = int(np.flatnonzero((indices.ravel() < 0) | (indices.ravel() >= bound))[0])
    return (
        f"{label} holds {int(indices.ravel()[where])} at position {where}, but the matrix has {bound} {what}: "
        f"indices run from 0 to {bound - 1}. Correct the indices; a matrix that is made with check=False leaves such "
        "entries out."
    )
