"""Self-test of products: a small product is compared with dense NumPy before any result depends on the kernels.

It runs at the first scatter (product with the transpose of the stored matrix) and at the first gather of a process,
with the same kernels as the call, so nothing is compiled for it except a small XLA program. (A comparison with the
reference would take half a second, because the reference has to be compiled.) Its structure is malformed, and its
numbers are integers, so sums are exact in every dtype and order.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from brainevent_core.encodings import Encoding
from brainevent_core.errors import KernelBuildError
from brainevent_core.formats import (
    COO_FORMAT,
    CSR_FORMAT,
    DENSE_FORMAT,
    FIXED_NUM_FORMAT,
    WEIGHT_INDICES,
    Format,
    Shape,
    Structure,
)

from ..bridge.selftest import mark_as_proved

__all__ = ["check_once", "check_product", "small_case"]

# Rows are longer than a SIMD vector, and not a multiple of it.
_SHAPE = (33, 41)
_COLUMNS = 3

_lock = threading.Lock()
_found: dict[Hashable, str | None] = {}


def check_product(
    run: Callable[..., list[jax.Array]],
    data: Any,
    *operands: Any,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    per_row: int,
    platform: str = "cpu",
    found: dict[Hashable, str | None] | None = None,
    key: Hashable = None,
) -> None:
    """Compute a small product and check it, at the first call of a process for each value of `transpose`.

    Args:
      run: the kernel, `run(data, *operands, format=..., shape=..., transpose=..., encoding=...)`.
      data: the weights of the actual call, or their abstract value; only dtypes and ranks matter.
      *operands: the structure of the actual call, and x.
      format: the format of its matrix.
      shape: the shape of its stored matrix.
      transpose: whether it is a product with the transpose.
      encoding: the encoding of x.
      per_row: how many entries a row of the small matrix has, on average.
      platform: the platform whose first device computes the product.
      found: previous results, for kernels of another backend; by default those of the Numba kernels.
      key: with `found`, replaces `transpose`: the first call for each key is tested.

    Raises:
      KernelBuildError: if the product was wrong, now or before.
    """
    ours = found is None
    known = _found if found is None else found
    key = transpose if ours else key
    static = {"format": format, "shape": _SHAPE, "transpose": transpose, "encoding": encoding}
    drawn = {"homogeneous": format.is_homogeneous(data), "per_row": per_row}
    call = (run, _like(data), list(map(_like, operands)), static, drawn, platform)
    what = f"a small {'scatter' if transpose else 'gather'}"
    if check_once(known, key, what, lambda: _is_right(*call)) and ours:
        mark_as_proved()


def check_once(
    known: dict[Hashable, str | None], key: Hashable, what: str, is_right: Callable[[], bool | None]
) -> bool:
    """Test a kernel, unless it was tested already.

    Args:
      known: previous results by key, None for a success; the new result is added.
      key: identifies what is tested.
      what: describes what is tested, for messages.
      is_right: runs the test, and returns None if this wasn't possible, so that the next call tries again. It runs in
        a separate thread, where no trace and no mesh of the caller is active, with 64-bit numbers if they are enabled
        here.

    Returns:
      Whether the test ran now, successfully.

    Raises:
      KernelBuildError: if the test failed, now or before.
    """
    x64 = bool(jax.config.read("jax_enable_x64"))

    def attempt() -> bool | None:
        with _x64(x64):
            return is_right()

    with _lock:
        new = key not in known
        if new:
            try:
                with ThreadPoolExecutor(1) as thread:
                    right = thread.submit(attempt).result()
                if right is None:
                    return False
                known[key] = None if right else "gave wrong numbers"
            except KernelBuildError:
                raise
            except Exception as error:  # whatever it is, the reference works
                known[key] = f"failed ({type(error).__name__}: {error})"
        reason = known[key]
    if reason is not None:
        raise KernelBuildError(f"the self-test of native kernels, {what}, {reason}")
    return new


def small_case(
    data: Any,
    operands: Sequence[Any],
    *,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    homogeneous: bool,
    per_row: int,
) -> tuple[list[np.ndarray], np.ndarray] | None:
    """The operands of the small product, and its result; None if the dtypes of the call can't hold its structure."""
    *structure, x = operands
    rng = np.random.default_rng(0)
    indices = structure[0].dtype.name if structure else "int32"
    for malformed in (True, False):
        drawn = list(map(np.asarray, format.random_structure(rng, shape, per_row, malformed=malformed, dtype=indices)))
        arrays = [array.astype(like.dtype) for array, like in zip(drawn, structure, strict=True)]
        if all(map(np.array_equal, drawn, arrays)):
            break
    else:
        return None
    size = (1,) if homogeneous else format.weights_shape(arrays, shape)
    weights = rng.choice([-2, -1, 1, 2], size)
    length = shape[0] if transpose else shape[1]
    mask = rng.random((length,) if x.ndim == 1 else (length, min(_COLUMNS, x.shape[1]))) < 0.5
    if encoding.event and encoding.draw is not None:
        entries, drawn_x = mask, encoding.draw(rng, mask, True, x.dtype.name)
    else:
        entries = drawn_x = np.where(mask, rng.choice([-1, 1, 2], mask.shape), 0)
    matrix = _dense(weights, format.named(arrays), format, shape)
    expected = (matrix.T if transpose else matrix) @ entries
    return [weights.astype(data.dtype), *arrays, np.asarray(drawn_x).astype(x.dtype)], expected


def _dense(weights: np.ndarray, structure: Structure, format: Format, shape: Shape) -> np.ndarray:
    """The dense matrix, without entries whose indices are out of bounds."""
    if format is DENSE_FORMAT:
        return weights
    if format.base is COO_FORMAT:
        row, col = structure.row, structure.col
    elif format.base is CSR_FORMAT:
        col = structure.indices
        pointers = structure.indptr
        if pointers.dtype == np.uint64:
            pointers = np.minimum(pointers, np.uint64(col.size))
        bounds = np.maximum.accumulate(np.clip(pointers.astype(np.int64), 0, col.size))
        row = np.searchsorted(bounds, np.arange(col.size), side="right") - 1
    elif format.base is FIXED_NUM_FORMAT:
        col = structure.indices.reshape(-1)
        row = np.repeat(np.arange(shape[0]), col.size // shape[0])
    else:
        raise NotImplementedError(f"There is no self-test for {format}.")
    inside = (row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1])
    weights = weights.reshape(-1)
    if format.carries(WEIGHT_INDICES) and weights.size != 1:
        at = structure.weight_indices
        inside &= (at >= 0) & (at < row.size)
        weights = weights[np.where(inside, at, 0)] if weights.size else weights
    matrix = np.zeros(shape, np.int64)
    np.add.at(matrix, (row[inside], col[inside]), np.broadcast_to(weights, row.shape)[inside])
    return matrix


def _like(operand: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(operand.shape, operand.dtype)


def _is_right(
    run: Callable[..., Any],
    data: jax.ShapeDtypeStruct,
    operands: Sequence[jax.ShapeDtypeStruct],
    static: dict[str, Any],
    drawn: dict[str, Any],
    platform: str,
) -> bool | None:
    """Whether the product is right; None if there is no small case for these dtypes."""
    device = jax.local_devices(backend=platform)[0]
    with jax.default_device(device):
        case = small_case(data, operands, **drawn, **static)
        if case is None:
            return None
        arrays, expected = case
        out = jax.jit(lambda *arrays: run(*arrays, **static)[0])(*(jax.device_put(array, device) for array in arrays))
        return bool(np.array_equal(np.asarray(out).astype(np.float64), expected))


def _x64(enabled: bool) -> Any:
    """JAX with or without 64-bit numbers, in this thread; public since jax 0.9, experimental before."""
    public = getattr(jax, "enable_x64", None)
    if public is None:
        public = importlib.import_module("jax.experimental").enable_x64
    return public(enabled)
