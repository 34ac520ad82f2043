"""The arrays of a structure on their way to a kernel: as they are, read as what a kernel can rely on."""

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

# Dtypes that kernels read as others: booleans are bytes; float16 and bfloat16, of which Numba has no arrays, are bits.
READ_AS = {"bool": np.uint8, "float16": np.uint16, "bfloat16": np.uint16}

# The dtype in which weights are computed with.
WIDE = {"float32": np.float32, "float64": np.float64, "float16": np.float32, "bfloat16": np.float32}


def readable(numbers: Any, structure: Sequence[Any], *others: Any, works: Callable[[], bool] = bridge_works) -> bool:
    """Whether kernels read numbers and a structure of these abstract values, at known sizes, and run at all, as `works`
    says."""
    sizes = [size for aval in (numbers, *structure, *others) for size in aval.shape]
    return (
        numbers.dtype.name in WIDE
        # Not jnp.issubdtype: int4 has no native arrays.
        and all(np.dtype(array.dtype).kind in "iu" for array in structure)
        and all(isinstance(size, int) for size in sizes)
        and works()
    )


def rows(structure: Structure, fmt: Format, shape: Shape) -> tuple[jax.Array, jax.Array, int]:
    """Indices, pointers, and how many columns the indices reach, of compressed rows."""
    indices = structure.indices
    if fmt.base is CSR_FORMAT:
        bounds = pointers(structure.indptr, indices.size)
    elif fmt.base is FIXED_NUM_FORMAT:
        bounds = indices  # it has no pointers: its indices stand in, unread, as signed integers
    else:
        raise NotImplementedError(f"No kernel reads the rows of {fmt}.")
    return indices, bounds, reached(indices, shape[1])


def reached(indices: jax.Array, length: int) -> int:
    """How many of `length` lines indices of this dtype reach. Read as unsigned, a negative one is beyond."""
    return min(length, int(np.iinfo(indices.dtype).max) + 1)


def unsigned(array: jax.Array) -> Any:
    """The dtype as which a kernel reads indices.

    For a signed index Numba emits a test whether it counts from the end, which takes as long as the gather itself;
    unsigned, one comparison catches both ends.
    """
    return np.dtype(f"uint{8 * array.dtype.itemsize}")


def pointers(indptr: jax.Array, nse: int) -> jax.Array:
    """Pointers that rise from 0 or more to `nse` or less, as int32, or int64 if there are more entries than that
    counts.

    The kernels rely on it. Checking takes 25 µs for 50,000 rows, longer than a product with few spikes; as an operation
    of its own, it is hoisted out of loops by XLA.
    """
    wide = np.dtype(np.int32 if nse <= np.iinfo(np.int32).max else np.int64)
    if np.can_cast(indptr.dtype, wide):
        indptr = indptr.astype(wide)
    else:
        indptr = jnp.clip(indptr, 0, min(nse, np.iinfo(indptr.dtype).max)).astype(wide)
    out = jax.ShapeDtypeStruct(indptr.shape, wide)
    kernel = native_kernel(KernelSpec("pointers"), indptr.size)
    return native_call(kernel, indptr, outs=[out], attributes={"nse": np.int64(nse)})[0]
