"""Formats as data: what the stored arrays of a matrix and of its operand mean, and the tables of both."""

from brainevent_core.formats.base import FORMATS, Format, get_format, register_format, signed, within
from brainevent_core.formats.column_index import COLUMN_INDEX, column_index, with_column_index
from brainevent_core.formats.coo import COO_FORMAT
from brainevent_core.formats.csr import CSR_FORMAT, row_bounds
from brainevent_core.formats.dense import DENSE_FORMAT
from brainevent_core.formats.encoders import WORD_BITS
from brainevent_core.formats.fixed_num import FIXED_NUM_FORMAT
from brainevent_core.formats.operands import OPERANDS, Operand, get_operand, is_event
from brainevent_core.formats.slots import with_slots

CSR_INDEXED_FORMAT = with_column_index(CSR_FORMAT)
CSR_SLOTS_FORMAT = with_slots(CSR_FORMAT)
FIXED_NUM_INDEXED_FORMAT = with_column_index(FIXED_NUM_FORMAT)

for _format in (
    DENSE_FORMAT,
    COO_FORMAT,
    CSR_FORMAT,
    CSR_INDEXED_FORMAT,
    CSR_SLOTS_FORMAT,
    FIXED_NUM_FORMAT,
    FIXED_NUM_INDEXED_FORMAT,
):
    register_format(_format)

__all__ = [
    "COLUMN_INDEX",
    "COO_FORMAT",
    "CSR_FORMAT",
    "CSR_INDEXED_FORMAT",
    "CSR_SLOTS_FORMAT",
    "DENSE_FORMAT",
    "FIXED_NUM_FORMAT",
    "FIXED_NUM_INDEXED_FORMAT",
    "FORMATS",
    "OPERANDS",
    "WORD_BITS",
    "Format",
    "Operand",
    "column_index",
    "get_format",
    "get_operand",
    "is_event",
    "register_format",
    "row_bounds",
    "signed",
    "with_column_index",
    "with_slots",
    "within",
]
