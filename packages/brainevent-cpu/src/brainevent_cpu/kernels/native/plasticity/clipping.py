"""The pass over all weights that clips them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..elements import weight_reader
from ..parallel import chunks_for, in_order_worth, on_threads
from .weights import bounder, weight_writer

__all__ = ["clipper"]

U = np.uint64


def clipper(call: KernelSpec) -> Any:
    """`clip_all(frame, out, lower, upper) -> status`, which does nothing unless all weights are to be clipped."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    threads_for, parallel_loop = on_threads(call.serial)
    weight, write, bounded = weight_reader(call), weight_writer(call), bounder(call)

    if call.clip != "all":

        @native
        def clip_none(frame, out, lower, upper):
            return 0

        return clip_none

    @native
    def clip_chunk(chunk, chunks, out, lower, upper):
        size = U(out.size)
        for place in range(size * U(chunk) // chunks, size * U(chunk + 1) // chunks):
            write(out, place, bounded(weight(out, place), lower, upper))
        return 0

    parallel_chunks = parallel_loop(clip_chunk)

    @allocating
    def clip_all(frame, out, lower, upper):
        threads = threads_for(frame, in_order_worth(U(out.size)))
        chunks = chunks_for(threads)
        return parallel_chunks(frame, chunks, threads, (U(chunks), out, lower, upper))

    return clip_all
