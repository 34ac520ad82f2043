"""The declarations: one per operation, for every format, with their rules side by side."""

from brainevent_core.primitives.products import matmul_p, sampled_p

__all__ = ["matmul_p", "sampled_p"]
