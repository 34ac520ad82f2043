"""Row pointers as every backend interprets them: clipped to [0, nse], then replaced by their running maximum.

The kernel is `(frame, indptr, out, nse) -> status`. Well-formed pointers, the usual case, are copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec

__all__ = ["build"]


def build(call: KernelSpec) -> Any:
    """The kernel for pointers of any dtype."""
    native = specialised(*call.words)

    @native
    def well_formed(indptr, nse):
        # Branch-free, so that it is vectorised.
        falls = 0
        for i in range(1, indptr.size):
            falls += indptr[i] < indptr[i - 1]
        return falls == 0 and indptr[0] >= 0 and indptr[indptr.size - 1] <= nse

    @native
    def repair(indptr, nse, out):
        last = np.int64(0)
        for i in range(indptr.size):
            if indptr[i] > nse:
                last = np.int64(nse)
            elif indptr[i] > 0:
                last = max(last, np.int64(indptr[i]))
            out[i] = last

    @native
    def kernel(frame, indptr, out, nse):
        if well_formed(indptr, nse):
            for i in range(indptr.size):
                out[i] = indptr[i]
        else:
            repair(indptr, nse, out)
        return 0

    return kernel
