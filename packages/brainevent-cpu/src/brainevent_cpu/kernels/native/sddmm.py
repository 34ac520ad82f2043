"""`y[out] · x[in]` for every stored entry, the derivative of a product with respect to its weights.

The kernel is `(frame, y, indices, indptr, x, out, batch, …, width) -> status` with rows, and `(frame, y, targets,
sources, x, out, batch, …, width)` with coordinates; see `gather` and `coordinates`. y holds numbers and is row-major.
The value of an entry is summed over the columns of y and x. Entries outside the matrix are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec
from .arguments import sizes_of
from .elements import multiplier
from .events import operand_reader
from .parallel import chunks_for, columns_worth, on_threads
from .rows import row_reader

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    return _build_coordinates(call) if call.layout == "" else _build_rows(call)


def _sampler(call: KernelSpec) -> Any:
    """`sample(y, x, target, source, batch)`: the value of one entry."""
    contribution = multiplier(call)

    @specialised(*call.words, reassociate=True)
    def sample(y, x, target, source, batch):
        total = y.dtype.type(0)
        for column in range(batch):
            total += contribution(y[target * batch + column], x[source * batch + column])
        return total

    if call.batched:
        return sample

    @specialised(*call.words)
    def sample_vector(y, x, target, source, batch):
        return contribution(y[target], x[source])

    return sample_vector


def _build_rows(call: KernelSpec) -> Any:
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    threads_for, parallel_loop = on_threads(call.serial)
    sample, row_span = _sampler(call), row_reader(call)
    entries_of = operand_reader(call)
    transpose, csr = call.transpose, call.layout == "csr"

    @native
    def sample_rows(chunk, chunks, y, indices, indptr, x, out, rows, sizes):
        for row in range(rows * U(chunk) // chunks, rows * U(chunk + 1) // chunks):
            start, stop = row_span(indptr, row, sizes.width)
            for entry in range(start, stop):
                column = U(indices[entry])
                if column >= sizes.bound:
                    out[entry] = 0
                elif transpose:
                    out[entry] = sample(y, x, column, row, sizes.batch)
                else:
                    out[entry] = sample(y, x, row, column, sizes.batch)
        return 0

    parallel_rows = parallel_loop(sample_rows)

    @allocating
    def kernel(frame, y, indices, indptr, x, out, batch, bound, inner, outer, reach, size, width):
        if y.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        rows = inner if transpose else outer
        if csr:
            # Entries that belong to no row.
            out[: indptr[0]] = 0
            out[indptr[rows] :] = 0
        threads = threads_for(frame, columns_worth(U(indices.size), sizes.batch))
        chunks = chunks_for(threads)
        entries = entries_of(x, sizes)
        return parallel_rows(frame, chunks, threads, (U(chunks), y, indices, indptr, entries, out, U(rows), sizes))

    return kernel


def _build_coordinates(call: KernelSpec) -> Any:
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    threads_for, parallel_loop = on_threads(call.serial)
    sample, entries_of = _sampler(call), operand_reader(call)

    @native
    def sample_entries(chunk, chunks, y, targets, sources, x, out, sizes):
        size = U(targets.size)
        for entry in range(size * U(chunk) // chunks, size * U(chunk + 1) // chunks):
            target, source = U(targets[entry]), U(sources[entry])
            if target < sizes.bound and source < sizes.reach:
                out[entry] = sample(y, x, target, source, sizes.batch)
            else:
                out[entry] = 0
        return 0

    parallel_entries = parallel_loop(sample_entries)

    @allocating
    def kernel(frame, y, targets, sources, x, out, batch, bound, inner, outer, reach, size, width):
        if y.size == 0 or x.size == 0 or targets.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        threads = threads_for(frame, columns_worth(U(targets.size), sizes.batch))
        chunks = chunks_for(threads)
        entries = entries_of(x, sizes)
        return parallel_entries(frame, chunks, threads, (U(chunks), y, targets, sources, entries, out, sizes))

    return kernel
