"""Functions with the interface of the CUDA driver that run kernels on the CPU, compiled by Numba."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.core.typing import signature
from numba.extending import intrinsic

from brainevent_cpu.bridge.memory import (
    I8,
    I32,
    I64,
    atomic_add,
    call_address,
    load_int64,
    pointer,
    stack_words,
    store_int64,
    yield_processor,
)

from .plan import MOST_ARGUMENTS
from .records import words

__all__ = ["launch", "zero"]

_WORDS = MOST_ARGUMENTS


@intrinsic
def _fill(typingctx: Any, address: Any, byte: Any, size: Any) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(I8.as_pointer(), (I8.as_pointer(), I32, I64)), "memset"
        )
        builder.call(function, (pointer(builder, args[0], I8), builder.zext(args[1], I32), args[2]))
        return context.get_dummy_value()

    return signature(types.none, types.int64, types.uint8, types.int64), codegen


#: A spin lock. Launches run one at a time, because threads of a block exchange values in static memory.
_busy = words(0)


def _launch(function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra):  # type: ignore[no-untyped-def]
    values = stack_words(_WORDS)
    for k in range(load_int64(function + 8)):
        store_int64(values + 8 * k, load_int64(load_int64(parameters + 8 * (k + 1))))
    while atomic_add(_busy, 1) != 0:
        atomic_add(_busy, -1)
        yield_processor()
    call_address(load_int64(function), load_int64(parameters), values)
    atomic_add(_busy, -1)
    return 0


def _zero(address, byte, size, stream):  # type: ignore[no-untyped-def]
    _fill(address, byte, size)
    return 0


def _compiled(function: Any, parameters: tuple[Any, ...]) -> Any:
    compiled: Any = CFunc(function, (parameters, types.int32), locals={}, options={})
    compiled.compile()
    return compiled


@functools.cache
def launch() -> Any:
    """`cuLaunchKernel`: runs all threads of the kernel on the calling thread."""
    word, number = types.int64, types.int32
    return _compiled(_launch, (word, *([number] * 7), word, word, word))


@functools.cache
def zero() -> Any:
    """`cuMemsetD8Async`, synchronously."""
    return _compiled(_zero, (types.int64, types.uint8, types.int64, types.int64))
