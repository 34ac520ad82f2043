"""Public functions over matrices, events and plain arrays."""

from brainevent_core.ops.products import matmul, matrix_product
from brainevent_core.ops.sampled import sampled_product
from brainevent_core.ops.stored import Stored, StoredEvents

__all__ = ["Stored", "StoredEvents", "matmul", "matrix_product", "sampled_product"]
