"""Public functions over matrices, events and plain arrays."""

from brainevent_core.ops.conversion import compressed, coordinate_order, coordinates
from brainevent_core.ops.dt2t import dt2t
from brainevent_core.ops.entries import Entries, entries_of, per_entry, segment_sum
from brainevent_core.ops.matmul import matmul, matrix_product
from brainevent_core.ops.plasticity import update
from brainevent_core.ops.sddmm import sddmm
from brainevent_core.ops.slicing import columns, rows
from brainevent_core.ops.solve import solve
from brainevent_core.ops.spec import EventSpec, MatrixSpec

__all__ = [
    "Entries",
    "EventSpec",
    "MatrixSpec",
    "columns",
    "compressed",
    "coordinate_order",
    "coordinates",
    "dt2t",
    "entries_of",
    "matmul",
    "matrix_product",
    "per_entry",
    "rows",
    "sddmm",
    "segment_sum",
    "solve",
    "update",
]
