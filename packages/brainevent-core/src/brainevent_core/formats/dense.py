"""Every element stored: ``data[i, j]`` is the weight at row i, column j.

It stays two-dimensional; flattening it made eager products 18 times slower.
"""

from brainevent_core.formats.format import Format

__all__ = ["DENSE_FORMAT"]

DENSE_FORMAT = Format(
    name="dense",
    label="Dense",
    structure=(),
    data_shape=lambda structure, shape: tuple(shape),
    draw=lambda rng, shape, per_row, malformed, dtype: [],
    takes_homogeneous=False,
)
