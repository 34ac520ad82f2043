"""What a connection costs. Imports no Numba."""

__all__ = ["ENTRIES_PER_CONNECTION"]

# How many entries of a stored matrix take as long as a connection: 0.9 to 2.6 ns.
ENTRIES_PER_CONNECTION = 2
