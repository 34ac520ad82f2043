"""Public functions over matrices, events and plain arrays."""

from brainevent_core.ops.products import Stored, matmul, matrix_product

__all__ = ["Stored", "matmul", "matrix_product"]
