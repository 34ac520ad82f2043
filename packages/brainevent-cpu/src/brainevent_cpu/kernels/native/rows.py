"""Where the rows of a matrix begin: given by pointers (`csr`), or by their common width (`fixed_num`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec

U = np.uint64


def row_reader(call: KernelSpec) -> Any:
    """`row_span(indptr, row, width) -> start, stop`: the range of the entries of `row`."""
    native = specialised(*call.words)
    if call.layout == "csr":

        @native
        def row_span(indptr, row, width):
            return U(indptr[row]), U(indptr[row + U(1)])

    else:

        @native
        def row_span(indptr, row, width):
            return row * width, (row + U(1)) * width

    return row_span
