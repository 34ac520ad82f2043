"""What an encoding is: how the array ``x`` beside a matrix stands for numbers or events.

As a format says what the arrays of a matrix mean, an encoding says what ``x`` means: a vector of some length ``n``, or
a batch of them in columns. Everything else follows from :attr:`Encoding.decode`, once, for all encodings; a kernel that
knows an encoding better lists those that it takes, see :class:`~brainevent_core.plugins.Takes`.

As for structures, there is one rule for what is malformed, on every backend: an index outside ``[0, n)`` is no event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.errors import DTypeError, MathError

__all__ = ["Encoding"]


@dataclass(frozen=True, eq=False, repr=False)
class Encoding:
    """An encoding of x, the array beside a matrix, along its first axis: the value of a primitive's static parameter
    ``encoding``.

    Encodings are compared by identity; :func:`~brainevent_core.encodings.register_encoding` makes one known by its
    name.

    Attributes:
        name: what it is called in messages, tables and files.
        event: whether entries are events that count as exactly 1, rather than numbers.
        decode: ``(x, n) → entries``, of shape (n, …) for x of shape (length, …): a mask if ``event``, otherwise
            numbers, in any dtype that converts to that of the weights.
        selects: whether a zero selects nothing: its row or column is left out, whatever its weights are. Otherwise it
            is a number like others, and 0 · Inf is NaN.
        length: ``n → length of the encoded axis``, or None if any length from 1 on will do.
        dtype: the only dtype it can have. None: any real one for events, that of the weights for numbers.
        encode: ``(mask, length) → x``, of that length along the encoded axis, for events that need encoding.
        draw: ``(rng, mask, malformed, dtype) → x`` of NumPy: entries that are nonzero where the mask, (n,) or
            (n, columns), is True; if malformed, with what must not count, such as an index outside. The tests of
            operations and backends draw with it.
        dtypes: dtypes of x to draw, if it can have several; those that are no floats have no derivative.
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

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        from brainevent_core.encodings.registry import get_encoding

        return get_encoding, (self.name,)

    def __copy__(self) -> Encoding:
        return self

    def __deepcopy__(self, memo: Any) -> Encoding:
        return self

    def validate(self, x: Any, n: int, weights: Any, what: str) -> None:
        """Check rank, length and dtype; values are not looked at.

        Args:
            x: the array, or its abstract value.
            n: the number of entries that it stands for.
            weights: dtype of the weights.
            what: the array in words, the subject of the message.

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
