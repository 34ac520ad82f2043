"""Formats as data: what the stored arrays of a matrix mean, and the table of all formats."""

from brainevent_core.formats.base import FORMATS, Format, get_format, register_format, signed
from brainevent_core.formats.coo import COO_FORMAT
from brainevent_core.formats.csr import CSR_FORMAT, row_bounds
from brainevent_core.formats.dense import DENSE_FORMAT
from brainevent_core.formats.fixed_num import FIXED_NUM_FORMAT

for _format in (DENSE_FORMAT, COO_FORMAT, CSR_FORMAT, FIXED_NUM_FORMAT):
    register_format(_format)

__all__ = [
    "COO_FORMAT",
    "CSR_FORMAT",
    "DENSE_FORMAT",
    "FIXED_NUM_FORMAT",
    "FORMATS",
    "Format",
    "get_format",
    "register_format",
    "row_bounds",
    "signed",
]
