"""How the operand of a product is stored: numbers, or events in one of several encodings.

As a format says what the arrays of a matrix mean, an operand encoding says what the array ``x`` beside it means: a
vector of some length ``n``, or a batch of them in columns. Everything else follows from :attr:`Operand.decode`, once,
for all encodings; kernels that know an encoding better dispatch on its name.

As for structures, there is one rule for what is malformed, on every backend: an index outside ``[0, n)`` is no event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats.encoders import WORD_BITS, list_events, pack

__all__ = ["OPERANDS", "Operand", "get_operand", "is_event"]


@dataclass(frozen=True)
class Operand:
    """An encoding of the operand x of a product, along its first axis.

    Attributes:
        name: as it appears in a primitive's ``operand`` parameter.
        event: whether entries are events that count as exactly 1, rather than numbers.
        decode: ``(x, n) → entries``, of shape (n, …) for x of shape (length, …): a mask if ``event``, otherwise
            numbers.
        selects: whether a zero selects nothing: its line is left out, whatever its weights are. Otherwise it is a
            number like others, and 0 · Inf is NaN.
        length: ``n → length of the encoded axis``, or None if any length from 1 on will do.
        dtype: the only dtype it can have. None: any real one for events, that of the weights for numbers.
        encode: ``(mask, length) → x``, of that length along the encoded axis, for events that need encoding.
    """

    name: str
    event: bool
    decode: Callable[[Any, int], Any]
    selects: bool = True
    length: Callable[[int], int] | None = lambda n: n
    dtype: Any = None
    encode: Callable[[Any, int], Any] | None = None

    def validate(self, x: Any, n: int, weights: Any, what: str) -> None:
        """Check rank, length and dtype; values are not looked at.

        Args:
            x: the operand, or its abstract value.
            n: the number of entries that it stands for.
            weights: dtype of the weights.
            what: the operand in words, the subject of the message.

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
        if not self.event and x.dtype != weights:
            raise DTypeError(f"A float product needs one dtype on both sides, got {weights} and {x.dtype}.")


def is_event(x: Any) -> Any:
    """Which entries of ``x`` are events: those that are nonzero (NaN is) or True."""
    return x if x.dtype == jnp.bool_ else x != 0


def _unpack(words: Any, n: int) -> Any:
    bits = jnp.arange(WORD_BITS, dtype=words.dtype).reshape(-1, *(1,) * (words.ndim - 1))
    mask = (words[:, None] >> bits) & 1 != 0
    return mask.reshape(words.shape[0] * WORD_BITS, *words.shape[1:])[:n]


def _mark(counted: Any, n: int) -> Any:
    if counted.ndim > 1:
        return jax.vmap(lambda column: _mark(column, n), in_axes=-1, out_axes=-1)(counted)
    count, indices = counted[0], counted[1:]
    valid = jnp.arange(indices.shape[0]) < count
    mask = jnp.zeros(n, jnp.bool_)
    return mask.at[jnp.where(valid, indices, -1)].set(True, mode="drop", wrap_negative_indices=False)


#: All encodings by name. Primitives look their ``operand`` parameter up here.
OPERANDS: dict[str, Operand] = {
    operand.name: operand
    for operand in (
        Operand("float", event=False, decode=lambda x, n: x, selects=False),
        Operand("sparse_float", event=False, decode=lambda x, n: x),
        Operand("binary", event=True, decode=lambda x, n: is_event(x)),
        # Entry i is bit i % 32 of word i // 32, counted from the least significant; surplus bits mean nothing.
        Operand("bitpacked", True, _unpack, length=lambda n: -(-n // WORD_BITS), dtype=jnp.uint32, encode=pack),
        # x[0] is the number of events, clipped to [0, capacity], x[1:] begins with their indices, in any order; a
        # duplicate counts once.
        Operand("compact", True, _mark, length=None, dtype=jnp.int32, encode=list_events),
    )
}


def get_operand(name: str) -> Operand:
    """The encoding of that name; KeyError if there is none."""
    return OPERANDS[name]
