"""Kernels under `vmap`: a handler runs its kernel once for every member of the batch.

A kernel is written for arrays of certain ranks. Under `vmap` the arrays of a call have further axes in front, as many
each: those of outputs have the sizes of the batch, those of inputs as well, or 1 where the input isn't mapped. A member
is what the kernel sees: the piece of each array that belongs to one position of the batch. Nothing is copied.
"""

from __future__ import annotations

from typing import Any

from . import layout
from .frame import buffer_of, product_of_dims
from .memory import load_int64
from .specialise import internal, specialised
from .threads import parallel_loop, pool_size

__all__ = ["over_members"]

# A member of fewer numbers would run on one thread, and a batch of fewer does; as in `kernels.native.parallel`.
_SERIAL_BELOW = 30_000

# Members for each thread from which on it doesn't matter that some threads get one more than others.
_MANY = 4


@internal
def _members_of(frame, rank):  # type: ignore[no-untyped-def]
    """How many axes the arrays of a call have in front, and how many members there are."""
    out = buffer_of(frame, layout.FRAME_RETS, 0)
    front = load_int64(out + layout.BUFFER_RANK) - rank
    return front, product_of_dims(load_int64(out + layout.BUFFER_DIMS), 0, front)


@internal
def _largest(frame, field, count, front):  # type: ignore[no-untyped-def]
    """How many numbers a member has of the largest array, of inputs or of outputs."""
    largest = 0
    for position in range(count):
        buffer = buffer_of(frame, field, position)
        dims, rank = load_int64(buffer + layout.BUFFER_DIMS), load_int64(buffer + layout.BUFFER_RANK)
        largest = max(largest, product_of_dims(dims, front, rank))
    return largest


@internal
def _threads_across(frame, members, front, inputs, outputs):  # type: ignore[no-untyped-def]
    """On how many threads members run at once; with 1, one after the other, each on as many as it takes."""
    if members <= 1:
        return 1
    size = max(_largest(frame, layout.FRAME_ARGS, inputs, front), _largest(frame, layout.FRAME_RETS, outputs, front))
    if members * size < _SERIAL_BELOW:
        return 1
    threads = pool_size(frame)
    evenly = members % threads == 0 or members >= _MANY * threads
    return min(threads, members) if evenly or size < _SERIAL_BELOW else 1


def over_members(run_member: Any, *facts: str, rank: int, inputs: int, outputs: int, threads: bool) -> Any:
    """`run(frame) -> status`: the kernel for every member; the largest status, as unsigned numbers.

    Args:
      run_member: an intrinsic `(frame, own_frame, member) -> status`; the kernel gets its own frame, 0 for one that
        shares the threads with other members.
      *facts: words that tell this function from others.
      rank: of the first output, as the kernel sees it.
      inputs: how many there are.
      outputs: how many there are.
      threads: whether the kernel can run on several threads.
    """

    decorate = specialised(*facts, allocates=True)

    if not threads:

        @decorate
        def run_in_order(frame):  # type: ignore[no-untyped-def]
            _, members = _members_of(frame, rank)
            status = 0
            for member in range(members):
                failure = run_member(frame, frame, member)
                if failure != 0:
                    status = failure
            return status

        return run_in_order

    @decorate
    def run_one(member, frame, own_frame):  # type: ignore[no-untyped-def]
        return run_member(frame, own_frame, member)

    loop = parallel_loop(run_one)

    @decorate
    def run(frame):  # type: ignore[no-untyped-def]
        front, members = _members_of(frame, rank)
        across = _threads_across(frame, members, front, inputs, outputs)
        return loop(frame, members, across, (frame, frame if across == 1 else 0))

    return run
