"""Variables of this process that compiled code reads by symbol, whenever it runs.

Without addresses, machine code on disk works in every process.
"""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic

from .memory import I64

__all__ = ["word_of_process"]


def word_of_process(symbol: str, number: ctypes.c_int64) -> Any:
    """An intrinsic `() -> int64` that reads the current value of a variable of this process."""
    add_symbol(symbol, ctypes.addressof(number))

    @intrinsic
    def read(typingctx: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            word = builder.module.globals.get(symbol) or ir.GlobalVariable(builder.module, I64, symbol)
            return builder.load_atomic(word, "monotonic", 8)

        return signature(types.int64), codegen

    return read
