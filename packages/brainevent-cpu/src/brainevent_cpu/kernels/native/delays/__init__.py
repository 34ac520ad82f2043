"""Kernels for delays: they add entries to the slots of a ring buffer, and take a slot from it."""
