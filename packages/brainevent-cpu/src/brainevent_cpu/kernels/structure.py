"""Prepares the arrays of a structure for kernels: unchanged, but reinterpreted or sanitised as kernels require."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats import CSR_FORMAT, FIXED_NUM_FORMAT, Format, Shape, Structure

from ..bridge import native_call
from ..bridge.selftest import bridge_works
from .compiled import native_kernel
from .kernel_spec import KernelSpec

__all__ = ["READ_AS", "WIDE", "pointers", "reached", "readable", "rows", "unsigned"]

# Dtypes that kernels reinterpret: booleans as bytes; float16 and bfloat16, for which Numba has no arrays, as bits.
READ_AS = {"bool": np.uint8, "float16": np.uint16, "bfloat16": np.uint16}

# The dtype in which kernels compute, by that of the weights.
WIDE = {"float32": np.float32, "float64": np.float64, "float16": np.float32, "bfloat16": np.float32}


def readable(numbers: Any, structure: Sequence[Any], *others: Any, works: Callable[[], bool] = bridge_works) -> bool:
    """Whether kernels can read numbers and a structure with these abstract values, whose sizes must be known, and
    whether kernels run at all, which `works` tells."""
    sizes = [size for aval in (numbers, *structure, *others) for size in aval.shape]
    return (
        numbers.dtype.name in WIDE
        # Not jnp.issubdtype, which includes int4, for which there are no native arrays.
        and all(np.dtype(array.dtype).kind in "iu" for array in structure)
        and all(isinstance(size, int) for size in sizes)
        and works()
    )


def rows(structure: Structure, fmt: Format, shape: Shape) -> tuple[jax.Array, jax.Array, int]:
    """Indices and pointers of compressed rows, and how many columns the indices can reach."""
    indices = structure.indices
    if fmt.base is CSR_FORMAT:
        bounds = pointers(structure.indptr, indices.size)
    elif fmt.base is FIXED_NUM_FORMAT:
        bounds = indices  # a placeholder for pointers, which aren't read
    else:
        raise NotImplementedError(f"No kernel reads the rows of {fmt}.")
    return indices, bounds, reached(indices, shape[1])


def reached(indices: jax.Array, length: int) -> int:
    """How many of `length` rows or columns indices of this dtype can reach. Read as unsigned, negative ones are above
    this bound."""
    return min(length, int(np.iinfo(indices.dtype).max) + 1)


def unsigned(array: jax.Array) -> Any:
    """The dtype as which a kernel reads indices.

    For a signed index Numba emits a test for negative values, which takes as long as the gather itself. For an unsigned
    one, a single comparison checks both ends.
    """
    return np.dtype(f"uint{8 * array.dtype.itemsize}")


def pointers(indptr: jax.Array, nse: int) -> jax.Array:
    """Sanitised pointers, which ascend and are in [0, `nse`], as int32, or int64 if there are too many entries for it.

    Kernels rely on this. The check takes 25 µs for 50,000 rows, longer than a product with few spikes. It is a separate
    operation so that XLA hoists it out of loops.
    """
    wide = np.dtype(np.int32 if nse <= np.iinfo(np.int32).max else np.int64)
    if np.can_cast(indptr.dtype, wide):
        indptr = indptr.astype(wide)
    else:
        indptr = jnp.clip(indptr, 0, min(nse, np.iinfo(indptr.dtype).max)).astype(wide)
    out = jax.ShapeDtypeStruct(indptr.shape, wide)
    kernel = native_kernel(KernelSpec("pointers"), indptr.size)
    return native_call(kernel, indptr, outs=[out], attributes={"nse": np.int64(nse)})[0]
