"""Public functions over matrices, events and plain arrays."""

from brainevent_core.ops.conversion import compressed, coordinate_order, coordinates
from brainevent_core.ops.dt2t import dt2t
from brainevent_core.ops.entries import Entries, add_up, entries_of, per_entry
from brainevent_core.ops.plasticity import update
from brainevent_core.ops.products import matmul, matrix_product
from brainevent_core.ops.sampled import sampled_product
from brainevent_core.ops.slicing import columns, rows
from brainevent_core.ops.solve import solve
from brainevent_core.ops.stored import Stored, StoredEvents

__all__ = [
    "Entries",
    "Stored",
    "StoredEvents",
    "add_up",
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
    "sampled_product",
    "solve",
    "update",
]
