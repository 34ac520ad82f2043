"""Formats as objects, which define the meaning of the stored arrays of a matrix."""

from brainevent_core.formats.coo import COO_FORMAT
from brainevent_core.formats.csc_index import CSC_INDEX, column_index
from brainevent_core.formats.csr import CSR_FORMAT, row_bounds
from brainevent_core.formats.delays import DELAY, delay_at_entries, delay_extent
from brainevent_core.formats.dense import DENSE_FORMAT
from brainevent_core.formats.fixed_num import FIXED_NUM_FORMAT
from brainevent_core.formats.format import Component, Entries, Format, Part, Shape, Structure
from brainevent_core.formats.indices import (
    INT32_MAX,
    index_dtype,
    out_of_range,
    pointer_dtype,
    random_indices,
    shifted,
    signed,
    within,
)
from brainevent_core.formats.registry import (
    get_component,
    get_format,
    register_component,
    register_format,
    registered_formats,
    unregister,
)
from brainevent_core.formats.split import InBlocks, Split, SplitFormat, SplitRule
from brainevent_core.formats.weight_indices import WEIGHT_INDICES

for _format in (DENSE_FORMAT, COO_FORMAT, CSR_FORMAT, FIXED_NUM_FORMAT):
    register_format(_format)
for _component in (CSC_INDEX, WEIGHT_INDICES, DELAY):
    register_component(_component)

__all__ = [
    "COO_FORMAT",
    "CSC_INDEX",
    "CSR_FORMAT",
    "DELAY",
    "DENSE_FORMAT",
    "FIXED_NUM_FORMAT",
    "INT32_MAX",
    "WEIGHT_INDICES",
    "Component",
    "Entries",
    "Format",
    "InBlocks",
    "Part",
    "Shape",
    "Split",
    "SplitFormat",
    "SplitRule",
    "Structure",
    "column_index",
    "delay_at_entries",
    "delay_extent",
    "get_component",
    "get_format",
    "index_dtype",
    "out_of_range",
    "pointer_dtype",
    "random_indices",
    "register_component",
    "register_format",
    "registered_formats",
    "row_bounds",
    "shifted",
    "signed",
    "unregister",
    "within",
]
