"""Decodes events from any encoding to one byte per element, 1 for an event.

The kernel is `(frame, x, out) -> status`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..events import entry_writer

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one encoding."""
    native, write_entries = specialised(*call.words), entry_writer(call)

    @native
    def kernel(frame, x, out):
        write_entries(x, U(0), U(x.size), U(out.size), out, U(0), U(1))
        return 0

    return kernel
