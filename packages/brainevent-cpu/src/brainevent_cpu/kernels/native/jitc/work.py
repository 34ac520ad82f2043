"""The cost of a connection. Imports no Numba."""

__all__ = ["ENTRIES_PER_CONNECTION"]

# A connection, 0.9 to 2.6 ns, takes as long as this many entries of a stored matrix.
ENTRIES_PER_CONNECTION = 2
