"""Kernels under `vmap`: a handler runs its kernel once for every member of the batch.

A kernel is written for arrays of certain ranks. Under `vmap`, all arrays of a call have the same number of additional
leading axes. For outputs these have the sizes of the batch, for inputs as well, or size 1 if the input isn't mapped. A
member is what the kernel sees: the part of each array at one position of the batch. Nothing is copied.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

from . import layout
from .frame import buffer_of, product_of_dims
from .memory import I64, load_at, load_int64
from .specialise import internal, specialised
from .threads import emit_in_order, emit_loop, threads_for

__all__ = ["over_members"]

# With at least this many members per thread, it doesn't matter that some threads get one more than others.
_MANY = 4


@internal
def _members_of(frame, rank):  # type: ignore[no-untyped-def]
    """The number of leading batch axes of a call, and the number of members."""
    out = buffer_of(frame, layout.FRAME_RETS, 0)
    front = load_int64(out + layout.BUFFER_RANK) - rank
    return front, product_of_dims(load_int64(out + layout.BUFFER_DIMS), 0, front) if front > 0 else 1


@internal
def _largest(frame, field, count, front):  # type: ignore[no-untyped-def]
    """The number of elements that a member has in the largest array, among the inputs or the outputs."""
    largest = 0
    for position in range(count):
        buffer = buffer_of(frame, field, position)
        dims, rank = load_int64(buffer + layout.BUFFER_DIMS), load_int64(buffer + layout.BUFFER_RANK)
        largest = max(largest, product_of_dims(dims, front, rank))
    return largest


@internal
def _threads_across(frame, members, front, inputs, outputs):  # type: ignore[no-untyped-def]
    """How many threads run members in parallel; if 1, members run in order, each on as many threads as it is worth."""
    if members <= 1:
        return 1
    size = max(_largest(frame, layout.FRAME_ARGS, inputs, front), _largest(frame, layout.FRAME_RETS, outputs, front))
    threads = threads_for(frame, members * size)
    evenly = members % threads == 0 or members >= _MANY * threads
    return min(threads, members) if evenly or threads_for(frame, size) == 1 else 1


def over_members(call: Any, *facts: str, rank: int, inputs: int, outputs: int, threads: bool) -> Any:
    """`run(frame) -> status`: the kernel for every member; if any fail, the status of one of them.

    Args:
      call: the call of the kernel for a member, see `frame.kernel_call`. The kernel gets the frame, or 0 if members run
        in parallel.
      *facts: words that distinguish this function from others.
      rank: the rank of the first output, as the kernel sees it.
      inputs: the number of inputs.
      outputs: the number of outputs.
      threads: whether members, or parts of the kernel, can run on several threads.
    """

    # Emitted at the call site, because LLVM would compile the kernel once more for each Numba function in between.
    @intrinsic
    def run_members(
        typingctx: Any, frame: types.Type, own_frame: types.Type, members: types.Type, across: types.Type
    ) -> Any:
        emit = call(typingctx)

        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            frame, own_frame, members, across = args
            if not threads:
                return emit_in_order(builder, members, lambda member: emit(context, builder, frame, own_frame, member))
            frames = cgutils.alloca_once_value(builder, cgutils.pack_array(builder, [frame, own_frame]))

            def run_member(inner: ir.IRBuilder, arguments: ir.Value, member: ir.Value) -> ir.Value:
                frame, own_frame = load_at(inner, arguments, 0), load_at(inner, arguments, 8)
                return emit(context, inner, frame, own_frame, member)

            return emit_loop(context, builder, frame, members, across, builder.ptrtoint(frames, I64), run_member)

        return signature(types.int64, *([types.int64] * 4)), codegen

    @specialised(*facts, link=True)
    def run(frame):  # type: ignore[no-untyped-def]
        front, members = _members_of(frame, rank)
        across = _threads_across(frame, members, front, inputs, outputs) if threads else 1
        return run_members(frame, frame if across == 1 else 0, members, across)

    return run
