"""Kernels that add to a ring of slots what arrives later."""
