"""How many threads a kernel may use, read by compiled code whenever it runs.

The limit lies in one word of this process. Machine code finds it by the name of a symbol, not by an address, so that
handlers on disk fit every process; and as no attribute of a call has it, compiled programs obey a new one at once.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic

from brainevent_core import config

from .memory import I64

__all__ = ["thread_limit"]

_SYMBOL = "brainevent_thread_limit"
_limit = ctypes.c_int64(sys.maxsize)


def _set(count: int | None) -> None:
    _limit.value = sys.maxsize if count is None else count


add_symbol(_SYMBOL, ctypes.addressof(_limit))
config.on_num_threads_change(_set)


@intrinsic
def thread_limit(typingctx: Any) -> Any:
    """What `brainevent.config.num_threads` says at this moment; the largest int64 for None."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        word = builder.module.globals.get(_SYMBOL) or ir.GlobalVariable(builder.module, I64, _SYMBOL)
        return builder.load_atomic(word, "monotonic", 8)

    return signature(types.int64), codegen
