"""The definition of an encoding: how the array ``x`` that a matrix is multiplied by represents numbers or events.

An encoding defines the meaning of ``x``, as a format defines that of the arrays of a matrix: a vector of length ``n``,
or a batch of vectors in columns. Everything else is derived from :attr:`Encoding.decode`, once for all encodings.
Kernels that use an encoding directly list the encodings that they support, see
:class:`~brainevent_core.plugins.Takes`.

As for structures, malformed values have the same meaning on every backend: an index outside ``[0, n)`` is not an event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core._by_name import ByName
from brainevent_core.errors import DTypeError, MathError

__all__ = ["Encoding"]


@dataclass(frozen=True, eq=False, repr=False)
class Encoding(ByName):
    """An encoding of x, the array that a matrix is multiplied by, along its first axis: the value of a primitive's
    static parameter ``encoding``.

    Encodings are compared by identity; :func:`~brainevent_core.encodings.register_encoding` registers one by its name.

    Attributes:
        name: its name in messages, tables and files.
        event: whether entries are events that count as exactly 1, rather than numbers.
        decode: ``(x, n) → entries``, of shape (n, …) for x of shape (length, …): a mask if ``event``, otherwise
            numbers, in any dtype that converts to that of the weights.
        selects: whether zeros are skipped: their row or column has no effect, whatever its weights are. Otherwise zeros
            are ordinary numbers, and 0 · Inf is NaN.
        length: ``n → length of the encoded axis``, or None if any length from 1 on is possible.
        dtype: the only possible dtype. None: any real dtype for events, that of the weights for numbers.
        encode: ``(mask, length) → x``, with that length along the encoded axis, for events that need encoding.
        draw: ``(rng, mask, malformed, dtype) → x`` of NumPy: entries that are nonzero where the mask, (n,) or
            (n, columns), is True; if malformed, with values that must be ignored, such as an index outside. The tests
            of operations and backends use it.
        dtypes: dtypes of x to draw, if several are possible; those that are not floats have no derivative.
    """

    name: str
    event: bool
    decode: Callable[[Any, int], Any]
    selects: bool = True
    length: Callable[[int], int] | None = lambda n: n
    dtype: Any = None
    encode: Callable[[Any, int], Any] | None = None
    draw: Callable[[np.random.Generator, np.ndarray, bool, str], np.ndarray] | None = None
    dtypes: tuple[str, ...] = ()

    def validate(self, x: Any, n: int, weights: Any, what: str) -> None:
        """Check rank, length and dtype, but not values.

        Args:
            x: the array, or its abstract value.
            n: the number of entries that it represents.
            weights: dtype of the weights.
            what: the name of the array, the subject of the message.

        Raises:
            MathError: if rank or length do not fit.
            DTypeError: if the dtype does not.
        """
        length = self.length(n) if self.length else "1 + capacity"
        fits = x.ndim in (1, 2) and (x.shape[0] == length if self.length else x.shape[0] >= 1)
        if not fits:
            stands_for = f" ({n} entries, {self.name})" if self.dtype else ""
            raise MathError(
                f"{what} must have shape ({length},) or ({length}, batch){stands_for}, got {tuple(x.shape)}."
            )
        if self.dtype is not None and x.dtype != self.dtype:
            raise DTypeError(f"{what} is {self.name} and must have dtype {jnp.dtype(self.dtype)}, got {x.dtype}.")
        if jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise DTypeError(f"{what} must hold real numbers, got dtype {x.dtype}: multiply both parts.")
        if self.dtype is None and not self.event and x.dtype != weights:
            raise DTypeError(f"A float product needs one dtype on both sides, got {weights} and {x.dtype}.")
