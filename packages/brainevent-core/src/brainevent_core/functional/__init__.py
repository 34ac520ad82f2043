"""Functions on bare arrays, for programs that don't need a matrix.

There is a module for the products of each format, or distribution of generated weights, and for each other operation.
The ``__all__`` of a module lists its public names.
"""
