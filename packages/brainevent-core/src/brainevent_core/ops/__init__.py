"""Operations on matrices and events, in terms of their specifications in :mod:`brainevent_core.ops.spec`."""

from brainevent_core.ops.conversion import Compressed, compressed, coordinate_order, coordinates, index_of_columns
from brainevent_core.ops.delays import deliver, look, take
from brainevent_core.ops.dt2t import dt2t
from brainevent_core.ops.edge_update import apply_rule
from brainevent_core.ops.entries import MatrixEntries, broadcast_weights, entries_of, segment_sum, widened
from brainevent_core.ops.generated import connections, count_connections, window
from brainevent_core.ops.matmul import matmul, matrix_product
from brainevent_core.ops.plasticity import update
from brainevent_core.ops.sddmm import sddmm
from brainevent_core.ops.slicing import columns, elements, rows
from brainevent_core.ops.solve import solve
from brainevent_core.ops.spec import EventLike, EventSpec, MatrixLike, MatrixSpec
from brainevent_core.ops.split import Along, everywhere, exchange_events, not_in_blocks, on_blocks, require_whole
from brainevent_core.ops.structural import Places, add, move, places_of

__all__ = [
    "Along",
    "Compressed",
    "EventLike",
    "EventSpec",
    "MatrixEntries",
    "MatrixLike",
    "MatrixSpec",
    "Places",
    "add",
    "apply_rule",
    "broadcast_weights",
    "columns",
    "compressed",
    "connections",
    "coordinate_order",
    "coordinates",
    "count_connections",
    "deliver",
    "dt2t",
    "elements",
    "entries_of",
    "everywhere",
    "exchange_events",
    "index_of_columns",
    "look",
    "matmul",
    "matrix_product",
    "move",
    "not_in_blocks",
    "on_blocks",
    "places_of",
    "require_whole",
    "rows",
    "sddmm",
    "segment_sum",
    "solve",
    "take",
    "update",
    "widened",
    "window",
]
