"""A matrix in blocks, which are on different devices: how it is split, and the meaning of its arrays.

The blocks follow each other along one axis. Each is a matrix of an ordinary format, with the same shape as the others,
and every array has a leading axis for them: ``indices`` of a CSR matrix is (blocks, nse of a block). Indices outside a
block do not exist, so blocks with fewer entries can be padded.

A :class:`SplitFormat` is not a :class:`~brainevent_core.formats.Format`. Operations dispatch on the type of a matrix's
format, and those that don't support blocks raise an error; primitives and kernels get single blocks, in their ordinary
format.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, Self

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from brainevent_core._jax import manual_axes
from brainevent_core.errors import MathError
from brainevent_core.formats.format import Component, Format, Shape, Structure
from brainevent_core.jitc import ConnectionRule

__all__ = ["InBlocks", "Split", "SplitFormat", "SplitRule"]


@dataclass(frozen=True)
class Split:
    """How a matrix is split over the devices along an axis of a mesh, in blocks of neighbouring neurons.

    Static and hashable. The number of blocks belongs to the data: on any number of devices that divides it, the matrix
    and its products are the same, bit for bit.

    Args:
        mesh: a ``jax.sharding.Mesh``, with automatic or explicit axes.
        axis: the name of one of its axes. Along other axes, the matrix is replicated.
        by: "post": a block has the synapses onto some postsynaptic neurons (columns), and its device computes their
            sums; only spikes are communicated. "pre": a block has the synapses of some presynaptic neurons (rows), and
            the sums of blocks are added up: ``spikes @ conn`` communicates a number per block and postsynaptic neuron.
        blocks: the number of blocks, a multiple of the number of devices, which is the default.

    Raises:
        MathError: if the mesh has no such axis, the blocks can't be divided evenly among the devices, or ``by`` is
            neither.

    Example:
        >>> import brainevent, jax
        >>> split = brainevent.sharding.Split(jax.make_mesh((1,), ("x",)), "x", blocks=4)
        >>> split.by, split.blocks
        ('post', 4)
    """

    mesh: Mesh
    axis: str
    by: Literal["post", "pre"] = field(default="post", kw_only=True)
    blocks: int = field(default=None, kw_only=True)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not isinstance(self.mesh, Mesh):
            raise MathError(f"Split takes a jax.sharding.Mesh of devices, got {self.mesh!r}: jax.make_mesh makes one.")
        if self.axis not in self.mesh.axis_names:
            raise MathError(f"axis must be the name of an axis of the mesh, {self.mesh.axis_names}; got {self.axis!r}.")
        if self.by not in ("post", "pre"):
            raise MathError(f'by must be "post" or "pre", got {self.by!r}.')
        devices = self.devices
        try:
            blocks = devices if self.blocks is None else operator.index(self.blocks)
        except TypeError:
            blocks = 0
        if blocks < 1 or blocks % devices:
            raise MathError(
                f"blocks must be a multiple of the {devices} devices along {self.axis!r}, got {self.blocks!r}: each "
                "device has the same number of blocks."
            )
        object.__setattr__(self, "blocks", blocks)

    @property
    def devices(self) -> int:
        """The number of devices along the axis."""
        return int(self.mesh.shape[self.axis])

    def bounds(self, length: int) -> list[tuple[int, int]]:
        """The first neuron of each block, and the end of each block.

        Args:
            length: the number of neurons along the split axis.

        Raises:
            MathError: if the neurons can't be divided evenly into blocks.
        """
        if length % self.blocks:
            side = "postsynaptic" if self.by == "post" else "presynaptic"
            raise MathError(
                f"{length} {side} neurons can't be split into {self.blocks} blocks of one length: take another number "
                f"of blocks, or a population of {-(-length // self.blocks) * self.blocks}, of which some neurons have "
                "no synapses."
            )
        size = length // self.blocks
        return [(block * size, (block + 1) * size) for block in range(self.blocks)]

    @property
    def sharding(self) -> NamedSharding:
        """The sharding of an array that has the blocks as its leading axis."""
        return NamedSharding(self.mesh, PartitionSpec(self.axis))

    @property
    def replicated(self) -> NamedSharding:
        """The sharding of an array that is replicated on every device."""
        return NamedSharding(self.mesh, PartitionSpec())


@dataclass(frozen=True)
class InBlocks:
    """The distribution of blocks over devices, independent of their contents.

    Attributes:
        block: the format of a stored block, or the rule of a generated one.
        mesh: the devices.
        mesh_axis: the name of the axis of the mesh.
        blocks: number of blocks.
        axis: the axis of the stored matrix along which it is split, rows (0) or columns (1).
    """

    block: Any
    mesh: Mesh
    mesh_axis: str
    blocks: int
    axis: int

    @classmethod
    def of(cls, block: Any, split: Split, *, transposed: bool) -> Self:
        """The distribution for a matrix with this ``split``; ``transposed`` if its transpose is stored."""
        return cls(block, split.mesh, split.axis, split.blocks, int((split.by == "post") != transposed))

    def split(self, *, transposed: bool) -> Split:
        """The ``Split`` of a matrix with this distribution; ``transposed`` if its transpose is stored."""
        by: Literal["post", "pre"] = "post" if (self.axis == 1) != transposed else "pre"
        return Split(self.mesh, self.mesh_axis, by=by, blocks=self.blocks)

    def _with(self, block: Any) -> Self:
        return type(self)(block, self.mesh, self.mesh_axis, self.blocks, self.axis)

    @property
    def devices(self) -> int:
        """The number of devices along the axis of the mesh."""
        return int(self.mesh.shape[self.mesh_axis])

    @property
    def is_local(self) -> bool:
        """Whether the current program is that of one device, inside ``shard_map`` over the axis of the mesh."""
        return self.mesh_axis in manual_axes()

    @property
    def blocks_here(self) -> int:
        """The number of this device's blocks inside ``shard_map``, and of all blocks outside."""
        return self.blocks // self.devices if self.is_local else self.blocks

    def shape_here(self, shape: Shape) -> Shape:
        """The shape of this device's part inside ``shard_map``, and of the whole matrix outside."""
        return self.block_shape(shape, self.devices) if self.is_local else shape

    def block_shape(self, shape: Shape, count: int) -> Shape:
        """The shape of a block, if a matrix of this shape consists of ``count`` blocks."""
        rows, columns = shape
        return (rows // count, columns) if self.axis == 0 else (rows, columns // count)


@dataclass(frozen=True)
class SplitFormat(InBlocks):
    """Replaces the format for a matrix in blocks: the format of a block, and the distribution of blocks.

    It has the methods of a format that matrices need, for arrays whose first axis is the blocks, and none that
    operations need for computing.
    """

    block: Format

    # -- the interface for matrices ------------------------------------------------------------------------------------

    #: The data are not the dense array of all elements, even if those of a block are.
    stores_all = False

    @property
    def takes_homogeneous(self) -> bool:
        """Whether all entries of all blocks can share one weight, of shape (1,)."""
        return self.block.takes_homogeneous

    def is_homogeneous(self, data: Any) -> bool:
        """Whether ``data`` is one weight for all entries."""
        return self.takes_homogeneous and tuple(data.shape) in ((), (1,))

    @property
    def components(self) -> tuple[Component, ...]:
        """The components of a block."""
        return self.block.components

    @property
    def annotations(self) -> tuple[Component, ...]:
        """The components that annotate entries."""
        return self.block.annotations

    @property
    def structure(self) -> tuple[str, ...]:
        """Names of the block's own arrays."""
        return self.block.structure

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays of the structure."""
        return self.block.names

    @property
    def full_name(self) -> str:
        """The name of the block's format, and the number of blocks: ``csr:csc_index/8``."""
        return f"{self.block.full_name}/{self.blocks}"

    def named(self, arrays: Sequence[Any]) -> Structure:
        """The structure's arrays by name."""
        return self.block.named(arrays)

    def carries(self, component: Component) -> bool:
        """Whether blocks have the component."""
        return self.block.carries(component)

    def with_component(self, component: Component) -> SplitFormat:
        """The format whose blocks carry one more component."""
        return self._with(self.block.with_component(component))

    def without(self, component: Component) -> SplitFormat:
        """The format whose blocks don't carry a component."""
        return self._with(self.block.without(component))

    @property
    def turned(self) -> SplitFormat:
        """The format of the same arrays after rows and columns were swapped in them."""
        return SplitFormat(self.block, self.mesh, self.mesh_axis, self.blocks, 1 - self.axis)

    def weights_shape(self, arrays: Sequence[Any], shape: Shape) -> tuple[int, ...]:
        """The shape of one weight per entry, with the blocks first; ``shape`` is that of the whole matrix."""
        blocks = [jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for array in arrays]
        return (self.blocks_here, *self.block.weights_shape(blocks, self.block_shape(shape, self.blocks)))

    def nse(self, arrays: Sequence[Any], shape: Shape) -> int:
        """The number of stored entries of all blocks, including padding."""
        return prod(self.weights_shape(arrays, shape))

    def validate(self, data: Any, arrays: Sequence[Any], shape: Shape) -> None:
        """Check ranks, lengths and dtypes of arrays whose first axis is the blocks, see :meth:`Format.validate`;
        ``shape`` is that of the whole matrix.

        Raises:
            DTypeError: if a structure array does not hold integers.
            MathError: if ranks or lengths do not fit.
        """
        of_blocks = [*arrays] if self.is_homogeneous(data) else [data, *arrays]
        wrong = next((array for array in of_blocks if tuple(array.shape[:1]) != (self.blocks_here,)), None)
        if wrong is not None:
            raise MathError(
                f"The arrays of a matrix in {self.blocks_here} blocks have these in front, got one of shape "
                f"{tuple(wrong.shape)}."
            )
        blocks = [jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for array in arrays]
        weights = data if self.is_homogeneous(data) else jax.ShapeDtypeStruct(data.shape[1:], data.dtype)
        self.block.validate(weights, blocks, self.block_shape(shape, self.blocks))

    def __repr__(self) -> str:
        return self.full_name


@dataclass(frozen=True)
class SplitRule(InBlocks):
    """Replaces the rule for a generated matrix in blocks, each of which is a window of the whole matrix."""

    block: ConnectionRule

    @property
    def components(self) -> tuple[()]:
        """Components of the structure: there are none."""
        return ()

    @property
    def stores_all(self) -> bool:
        """Whether all elements are stored in an array: never."""
        return False

    def offsets(self, shape: Shape) -> np.ndarray:
        """The first row and column of each block of a matrix of this shape, (blocks, 2)."""
        size = self.block_shape(shape, self.blocks)[self.axis]
        offsets = np.zeros((self.blocks, 2), np.uint32)
        offsets[:, self.axis] = np.arange(self.blocks, dtype=np.uint32) * np.uint32(size)
        return offsets
