"""Kernels and shapes that are compiled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["CASES", "Case", "Generated", "Sampled", "Update"]


@dataclass(frozen=True)
class Case:
    """A product of events with a matrix.

    Attributes:
        kernel: name of the Pallas kernel that computes it.
        format: name of the stored format.
        shape: of the stored matrix.
        width: average number of entries per row.
        transpose: whether the product is with the transpose of the stored matrix.
        per_iteration: entries per iteration of the kernel's innermost loop.
        extra: additional entries, so that lengths are not multiples of anything.
        homogeneous: whether the weight is homogeneous.
        dtype: of the weights.
        batch: number of vectors of events; 0 for a single vector without a batch axis.
        encoding: of the events.
        innermost: whether the figure is for the innermost loop, rather than for the largest one.
    """

    kernel: str
    format: str
    shape: tuple[int, int]
    width: int
    transpose: bool
    per_iteration: float
    extra: int = 0
    homogeneous: bool = False
    dtype: str = "float32"
    batch: int = 0
    encoding: str = "binary"
    innermost: bool = True

    def __str__(self) -> str:
        rows, columns = self.shape
        weights = f"one {self.dtype} for all" if self.homogeneous else self.dtype
        batch = f", batch {self.batch}" * bool(self.batch) + ", numbers" * (self.encoding == "float")
        return f"{self.kernel} {self.format} {rows}x{columns}, {self.width} a row, {weights}{batch}"

    @property
    def entries(self) -> int:
        """The number of stored entries."""
        return self.shape[0] * self.width + self.extra

    @property
    def work(self) -> int:
        """The number of entries that XLA's figure is divided by."""
        return self.entries

    def arguments(self) -> tuple[Any, ...]:
        """The abstract operands."""
        import jax
        import jax.numpy as jnp

        rows, columns = self.shape
        stored = (self.entries,) if self.format == "csr" else (rows, self.width)
        lengths = {"csr": [stored, (rows + 1,)], "fixed_num": [stored], "dense": []}[self.format]
        structure = [jax.ShapeDtypeStruct(shape, jnp.int32) for shape in lengths]
        weights = jax.ShapeDtypeStruct((1,) if self.homogeneous else stored, jnp.dtype(self.dtype))
        length = rows if self.transpose else columns
        batch = (self.batch,) * bool(self.batch)
        x = {
            "binary": ((length, *batch), bool),
            "bitpacked": ((-(-length // 32), *batch), jnp.uint32),
            "float": ((length, *batch), weights.dtype),
        }
        return weights, *structure, jax.ShapeDtypeStruct(*x[self.encoding])

    def product(self) -> Any:
        """The primitive with its static parameters."""
        from brainevent_core.encodings import get_encoding
        from brainevent_core.formats import get_format
        from brainevent_core.primitives import matmul_p

        encoding = get_encoding(self.encoding)
        static: Any = {"shape": self.shape, "transpose": self.transpose, "encoding": encoding}
        return partial(matmul_p, format=get_format(self.format), **static)


@dataclass(frozen=True)
class Update(Case):
    """An update of the weights by events of the stored rows, with clipping of the updated weights.

    Attributes:
        per_weight: how many of the two bounds have one value per weight.
    """

    per_weight: int = 0

    def __str__(self) -> str:
        return super().__str__() + f", {self.per_weight} bounds a weight" * bool(self.per_weight)

    def arguments(self) -> tuple[Any, ...]:
        """The abstract operands."""
        import jax

        weights, *others = super().arguments()
        trace, bound = (jax.ShapeDtypeStruct(shape, weights.dtype) for shape in ((self.shape[1],), ()))
        return weights, *others, trace, *[weights] * self.per_weight, *[bound] * (2 - self.per_weight)

    def product(self) -> Any:
        """The primitive with its static parameters."""
        from brainevent_core.primitives import stdp_update_p

        return partial(stdp_update_p, **super().product().keywords, clip="updated")


@dataclass(frozen=True)
class Sampled(Case):
    """A sampled product, the derivative of a product of events with respect to the weights."""

    def __str__(self) -> str:
        return super().__str__() + ", transposed" * self.transpose

    def arguments(self) -> tuple[Any, ...]:
        """The abstract operands."""
        import jax

        weights, *others = super().arguments()
        length = self.shape[1 if self.transpose else 0]
        return jax.ShapeDtypeStruct((length, *(self.batch,) * bool(self.batch)), weights.dtype), *others

    def product(self) -> Any:
        """The primitive with its static parameters."""
        from brainevent_core.primitives import sddmm_p

        return partial(sddmm_p, **super().product().keywords)


@dataclass(frozen=True)
class Generated:
    """A product of events with generated connectivity, in float32; the product with the transpose is a scatter.

    Attributes:
        law: name of the law of the weights.
        prob: connection probability.
        shape: of the matrix, whose rows are generated.
        kernel: name of the Pallas kernel that computes it.
        per_iteration: steps of walkers per iteration of the innermost loop; most find a connection.
        transpose: whether the product is with the transpose of the generated matrix.
        innermost: as for :class:`Case`.
    """

    law: str
    prob: float
    shape: tuple[int, int]
    kernel: str = "generated_rows"
    per_iteration: int = 4096
    transpose: bool = False
    innermost: bool = True

    def __str__(self) -> str:
        return f"{self.kernel} {self.law} {self.shape[0]}x{self.shape[1]}, p = {self.prob}"

    @property
    def work(self) -> int:
        """The steps of walkers in an iteration of XLA's loop: one per row."""
        return self.shape[0]

    def arguments(self) -> tuple[Any, ...]:
        """The abstract operands."""
        import jax
        import jax.numpy as jnp

        from brainevent_core.jitc import LAWS

        parameters = ((len(LAWS[self.law].parameters),), jnp.float32)
        operands = (parameters, ((2,), jnp.uint32), ((1,), jnp.uint32))
        events = ((self.shape[0 if self.transpose else 1],), bool)
        return tuple(jax.ShapeDtypeStruct(*operand) for operand in (*operands, events))

    def product(self) -> Any:
        """The primitive with its static parameters."""
        from brainevent_core.encodings import BINARY
        from brainevent_core.jitc import LAWS, ConnectionRule
        from brainevent_core.primitives import jitc_matmul_p

        static: Any = {"shape": self.shape, "transpose": self.transpose, "encoding": BINARY}
        return partial(jitc_matmul_p, rule=ConnectionRule(LAWS[self.law], self.prob), **static)


_fan_in = partial(Case, "fan_in", "fixed_num", transpose=False, per_iteration=4096)
_rows = partial(Case, "active_rows", transpose=True, per_iteration=8)


def _one_hot(format: str, shape: tuple[int, int], width: int, **options: Any) -> Case:
    """Eight pieces of 128 entries are a group. A row can begin anywhere in a piece, so it fills pieces only partly."""
    entries = round(8 * width / (1 + (width - 1) / 128), 1)
    return Case("one_hot_rows", format, shape, width, True, entries, innermost=False, **options)


_scatter = partial(Generated, kernel="generated_scatter", per_iteration=1024, transpose=True)
_sampled = partial(Sampled, "sampled", "fixed_num", per_iteration=4096)
_dense: Any = {"format": "dense", "transpose": True, "per_iteration": 8 * 2048}

#: The cases that are compiled, for each target.
CASES: tuple[Case | Generated, ...] = (
    _fan_in((4096, 4096), 80),
    _fan_in((16384, 16384), 80),
    _fan_in((16384, 16384), 80, homogeneous=True),
    _fan_in((16384, 16384), 80, dtype="bfloat16", encoding="bitpacked"),
    _fan_in((4001, 3999), 77, batch=5),
    _fan_in((131_072, 131_072), 100),
    _fan_in((1000, 262_144), 4096, per_iteration=1024),  # as much as it supports
    _fan_in((4096, 8192), 80, encoding="float"),  # as much as it supports
    _sampled((16384, 16384), 80, transpose=False),
    _sampled((4000, 8192), 80, transpose=True),  # as much as it supports
    _sampled((4001, 3999), 77, transpose=True, batch=5),
    _one_hot("csr", (4000, 4000), 80, extra=1, homogeneous=True),
    _one_hot("csr", (4000, 4000), 80, extra=1),
    _one_hot("csr", (4000, 4000), 80, dtype="bfloat16", homogeneous=True, encoding="bitpacked"),
    _one_hot("csr", (501, 499), 7, extra=3, batch=3),
    _one_hot("csr", (16384, 16384), 80, extra=1),
    _one_hot("csr", (100_000, 100_000), 100, extra=5),
    _one_hot("csr", (1000, 131_072), 1000, extra=1, homogeneous=True),  # as wide as it supports
    _one_hot("fixed_num", (4000, 4000), 128),
    _rows("csr", (4000, 140_000), 80, extra=1, homogeneous=True, dtype="bfloat16", encoding="bitpacked"),
    _rows("csr", (4000, 80_000), 80, extra=1),
    _rows("csr", (501, 24_999), 7, extra=3, batch=3),
    _rows("csr", (1000, 150_000), 80),  # as much as it supports
    _rows("fixed_num", (50_000, 100_000), 128),
    Case("dense_rows", shape=(4096, 4096), width=4096, **_dense),
    Case("dense_rows", shape=(5001, 4999), width=4999, batch=3, **_dense),
    Case("dense_rows", shape=(20_000, 50_000), width=50_000, encoding="bitpacked", **_dense),  # as wide as it supports
    Update("dense_update", shape=(4096, 4096), width=4096, **_dense),
    Update("dense_update", shape=(5001, 4999), width=4999, **_dense),
    Update("dense_update", shape=(4096, 4096), width=4096, per_weight=2, **_dense),
    Generated("scalar", 0.1, (4096, 4096)),
    Generated("normal", 0.02, (4096, 16384)),
    Generated("uniform", 0.002, (1000, 70_000)),
    _scatter("scalar", 0.1, (4096, 4096)),
    _scatter("normal", 0.02, (4096, 16384)),
    _scatter("uniform", 0.002, (145_000, 70_000)),
)
