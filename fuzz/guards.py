"""Guarded memory that detects kernels that access memory outside of their arrays.

Each array is adjacent to an inaccessible page, alternately at its end and its beginning. The rest of its own pages is
filled with a pattern, which is checked after the call. Accessing the inaccessible page crashes the process.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
import pkgutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

__all__ = ["GuardedMemory", "guard_kernels"]

_PAGE = mmap.PAGESIZE
_PATTERN = 0xA5
_PROT_NONE = 0


class _Arena:
    """Pages for one array, between two inaccessible guard pages."""

    def __init__(self, pages: int) -> None:
        self._memory = mmap.mmap(-1, (pages + 2) * _PAGE)
        whole = np.frombuffer(self._memory, np.uint8)
        self.bytes = whole[_PAGE:-_PAGE]
        address = whole.__array_interface__["data"][0]
        libc = ctypes.CDLL(None, use_errno=True)
        for page in (address, address + (pages + 1) * _PAGE):
            if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(_PAGE), _PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect failed: there is no guarded memory on this system")


class GuardedMemory:
    """Arrays in guarded memory, for one call at a time: XLA runs independent calls concurrently.

    Attributes:
        at_end: whether the arrays of the current call end at the guard page, rather than begin after one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[int, list[_Arena]] = {}
        self._used: list[tuple[int, _Arena, slice]] = []
        self.at_end = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """A context whose arrays are checked and released at its end."""
        with self._lock:
            self.at_end = not self.at_end
            try:
                yield
                for _, arena, part in self._used:
                    for slack in (arena.bytes[: part.start], arena.bytes[part.stop :]):
                        if not np.all(slack == _PATTERN):
                            where = int(np.flatnonzero(slack != _PATTERN)[0])
                            raise AssertionError(f"a kernel wrote outside of its array, at byte {where} of the rest")
            finally:
                for pages, arena, _ in self._used:
                    self._free.setdefault(pages, []).append(arena)
                self._used.clear()

    def empty(self, shape: Sequence[int], dtype: np.dtype[Any]) -> np.ndarray:
        """An array filled with the pattern."""
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        pages = max(-(-size // _PAGE), 1)
        free = self._free.get(pages)
        arena = free.pop() if free else _Arena(pages)
        arena.bytes[:] = _PATTERN
        start = arena.bytes.size - size if self.at_end else 0
        self._used.append((pages, arena, slice(start, start + size)))
        return arena.bytes[start : start + size].view(dtype).reshape(shape)

    def copy(self, array: np.ndarray) -> np.ndarray:
        """A copy of an array in guarded memory."""
        copied = self.empty(array.shape, array.dtype)
        copied[...] = array
        return copied


def guard_kernels() -> None:
    """From now on, run the handlers of all kernels of brainevent-cpu on guarded copies of their arrays.

    Programs do this by callbacks to Python, in this process only. The handlers are those that XLA would call, but with
    our own call frame and thread pool.
    """
    import brainevent_cpu.kernels

    found = 0
    for module in pkgutil.walk_packages(brainevent_cpu.kernels.__path__, f"{brainevent_cpu.kernels.__name__}."):
        if ".native" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        if hasattr(loaded, "native_call"):
            vars(loaded)["native_call"] = _guarded_call
            found += 1
    assert found, "no module of kernels calls native_call"


_memory = GuardedMemory()
_handlers: dict[Any, Any] = {}


def _guarded_call(
    kernel: Any,
    *arrays: Any,
    outs: Sequence[jax.ShapeDtypeStruct],
    aliases: Mapping[int, int] | None = None,
    attributes: Mapping[str, np.generic] | None = None,
    read_as: Mapping[int, Any] | None = None,
) -> list[Any]:
    """A replacement for `brainevent_cpu.bridge.native_call`."""
    scalars = [value for _, value in sorted((attributes or {}).items())]
    inside = [np.dtype((read_as or {}).get(i) or array.dtype) for i, array in enumerate(arrays)]
    handler = _handler(
        kernel,
        tuple((dtype, array.ndim) for dtype, array in zip(inside, arrays, strict=True)),
        tuple((np.dtype(out.dtype), len(out.shape)) for out in outs),
        tuple(np.dtype(type(value)) for value in scalars),
    )

    def run(*given: Any) -> list[np.ndarray]:
        # The mapped axes of vmap are in front, with size 1 if an array isn't mapped.
        fronts = [value.shape[: value.ndim - word.ndim] for value, word in zip(given, in_words, strict=True)]
        batch = tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*fronts, strict=True))
        values = [np.ascontiguousarray(value).view(dtype) for value, dtype in zip(given, inside, strict=True)]
        values = [
            value.reshape(*front, *array.shape) for value, front, array in zip(values, fronts, arrays, strict=True)
        ]
        batched = [jax.ShapeDtypeStruct((*batch, *out.shape), out.dtype) for out in outs]
        results = _run(kernel.name, handler, values, batched, aliases or {}, scalars)
        return [
            result.view(word.dtype).reshape(*batch, *word.shape) for result, word in zip(results, words, strict=True)
        ]

    # In a callback on a thread of XLA, x64 is off, so 64-bit arrays would be truncated to 32 bits, in both directions.
    words = [jax.eval_shape(_in_words, out) for out in outs]
    in_words = [_in_words(array) for array in arrays]
    results = jax.pure_callback(run, words, *in_words, vmap_method="expand_dims")
    return [
        result if result.dtype == out.dtype else jax.lax.bitcast_convert_type(result, out.dtype)
        for result, out in zip(results, outs, strict=True)
    ]


def _in_words(array: Any) -> Any:
    """The array with each 64-bit element as two 32-bit words, along an additional axis."""
    return jax.lax.bitcast_convert_type(array, np.uint32) if array.dtype.itemsize == 8 else array


def _handler(kernel: Any, inputs: Any, outputs: Any, attributes: Any) -> Any:
    from brainevent_cpu.bridge.handler import compile_handler

    key = (kernel, inputs, outputs, attributes)
    if key not in _handlers:
        with jax.ensure_compile_time_eval():
            _handlers[key] = compile_handler(*key)
    return _handlers[key]


def _run(
    name: str,
    handler: Any,
    values: Sequence[np.ndarray],
    outs: Sequence[jax.ShapeDtypeStruct],
    aliases: Mapping[int, int],
    scalars: Sequence[np.generic],
) -> list[np.ndarray]:
    from brainevent_cpu.testing import CallFrame, run_task

    with _memory.call():
        inputs = [_memory.copy(value) for value in values]
        from_input = {output: inputs[given] for given, output in aliases.items()}
        outputs = [
            from_input[i] if i in from_input else _memory.empty(out.shape, np.dtype(out.dtype))
            for i, out in enumerate(outs)
        ]
        frame = CallFrame(inputs, outputs, scalars, threads=3)
        frame.schedule = run_task  # the pool runs each task immediately
        if frame.call(handler):
            raise RuntimeError(frame.errors[-1])
        for i, (value, copied) in enumerate(zip(values, inputs, strict=True)):
            if i not in aliases and value.tobytes() != copied.tobytes():
                raise AssertionError(f"kernel {name} wrote into its input {i}")
        return [output.copy() for output in outputs]
