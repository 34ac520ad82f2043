"""Compile the handler of a kernel: the C function that XLA calls, for given dtypes and ranks, with any shapes."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher

from brainevent_core.errors import DTypeError, KernelCompilationError

from . import cache, layout
from .kernel import NativeKernel

UNREADABLE_FRAME = -2

ArraySpec = tuple[np.dtype[Any], int]  # dtype, rank


@dataclasses.dataclass(frozen=True)
class Handler:
    """A C function that XLA can call.

    Attributes:
      address: the address of the function.
      from_disk: whether it was read from disk.
      owner: the object that owns its memory.
    """

    address: int
    from_disk: bool
    owner: Any = dataclasses.field(repr=False)

    @functools.cached_property
    def ctypes(self) -> Any:
        """The function, for `jax.ffi.pycapsule` and to be called with the address of a frame."""
        return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self.address)


def array_type(spec: ArraySpec, readonly: bool) -> types.Array:
    """The Numba type of a C-contiguous buffer."""
    dtype, rank = spec
    try:
        return types.Array(numba.from_dtype(dtype), rank, "C", readonly=readonly)
    except numba.errors.NumbaError as error:
        raise DTypeError(f"Numba has no arrays of dtype {dtype}; use another backend for it.") from error


def compile_handler(
    kernel: NativeKernel,
    inputs: Sequence[ArraySpec],
    outputs: Sequence[ArraySpec],
    attributes: Sequence[np.dtype[Any]] = (),
) -> Handler:
    """The handler of `kernel`, compiled or read from disk; keep the result alive as long as XLA may call it.

    Args:
      kernel: the kernel.
      inputs: dtype and rank of every input.
      outputs: dtype and rank of every output.
      attributes: dtype of every scalar attribute, in the order of the attributes' names.

    Raises:
      DTypeError: for a dtype that Numba can't handle.
      KernelCompilationError: if the kernel can't be compiled for these arguments.
    """
    specs = [[(np.dtype(dtype).name, rank) for dtype, rank in arrays] for arrays in (inputs, outputs)]
    key = cache.handler_key(kernel, (*specs, [np.dtype(dtype).name for dtype in attributes]))
    # A handler on disk needs neither the kernel's functions nor the modules that build them.
    found = cache.load(key) if kernel.sources else None
    if found is not None:
        return Handler(found.address, True, found.engine)
    compiled: Any = _compiled(kernel, inputs, outputs, attributes, key)
    if kernel.sources:
        cache.save(key, compiled._library, compiled.native_name)
    return Handler(compiled.address, False, compiled)


def _compiled(
    kernel: NativeKernel,
    inputs: Sequence[ArraySpec],
    outputs: Sequence[ArraySpec],
    attributes: Sequence[np.dtype[Any]],
    key: str,
) -> CFunc:
    # Not imported at the top: a process that finds its handlers on disk doesn't need them.
    from .frame import answer_metadata, error_message, frame_is_readable, kernel_call
    from .members import over_members
    from .memory import load_int32

    input_types = tuple(array_type(spec, readonly=True) for spec in inputs)
    output_types = tuple(array_type(spec, readonly=False) for spec in outputs)
    attribute_types = tuple(numba.from_dtype(dtype) for dtype in attributes)
    built = kernel.build()
    function = built if isinstance(built, Dispatcher) else numba.njit(built)
    call = kernel_call(function, input_types, output_types, attribute_types, kernel.threads, kernel.returns_status)
    run = over_members(
        call,
        key[:16],
        rank=outputs[0][1],
        inputs=len(inputs),
        outputs=len(outputs),
        threads=kernel.threads and not kernel.serial,
    )
    if kernel.must_write:
        # Not imported at the top: it compiles functions that few kernels need.
        from .written import checking

        run = checking(run, tuple(dtype.itemsize for dtype, _ in outputs))
    create_error = error_message(kernel.name, dict(kernel.messages))

    def handle(frame):  # type: ignore[no-untyped-def]
        if answer_metadata(frame) or load_int32(frame + layout.FRAME_STAGE) != layout.STAGE_EXECUTE:
            return 0
        status = run(frame) if frame_is_readable(frame) else UNREADABLE_FRAME
        return create_error(frame, status) if status != 0 else 0

    # A handler on disk is found by its symbol.
    handle.__name__ = handle.__qualname__ = f"handle_{key[:16]}"
    handler: Any = CFunc(handle, ((types.int64,), types.int64), locals={}, options={})
    try:
        handler.compile()
    except numba.errors.NumbaError as error:
        if kernel.sources:  # a kernel of this package: another one is selected
            raise
        raise _fault_of(kernel, function, (*input_types, *output_types, *attribute_types)) or error from None
    return handler


def _fault_of(kernel: NativeKernel, function: Dispatcher, arguments: tuple[Any, ...]) -> KernelCompilationError | None:
    """The error of the kernel by itself, without the hundred lines about its callers; None if it compiles."""
    try:
        function.compile(arguments)
    except numba.errors.NumbaError as error:
        types_given = ", ".join(map(str, arguments))
        return KernelCompilationError(f"Numba can't compile the kernel {kernel.name!r} for ({types_given}): {error}")
    return None
