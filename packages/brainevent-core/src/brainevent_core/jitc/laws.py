"""Distributions of weights ("laws"), and the rules that generate connectivity.

Each connection's weight is ``offset + spread · variate``, where the variate is a function of one draw. All laws are
linear in their parameters, so derivatives only need products with other parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core._by_name import ByName

__all__ = ["LAWS", "NORMAL", "POLYNOMIALS", "SCALAR", "UNIFORM", "ConnectionRule", "Law"]

# log2(1 + r) / r for r in [-1/3, 1/3].
_LOG2 = (1.442695, -0.72134656, 0.4808941, -0.36078972, 0.28879598, -0.23678318, 0.20058022, -0.22224115, 0.20827231)
# The quantile divided by x, as a polynomial in w - 3.5 below w = 7, and in sqrt(w) - 4 above.
_CENTRE = (
    2.0974755,
    0.24235752,
    -0.0026437114,
    -0.00062134245,
    7.140349e-05,
    -5.813801e-07,
    -5.2833013e-07,
    3.3273913e-08,
)
_TAIL = (4.4753623, 1.1845229, 0.004451739, -0.0024140168, 0.0013205981, -0.00083873933, 0.0003564926, -6.1078026e-05)

#: The polynomials of :func:`normal`, lowest power first, for backends that need them as numbers.
POLYNOMIALS = {"log2": _LOG2, "centre": _CENTRE, "tail": _TAIL}


def uniform(drawn: Any) -> Any:
    """Uniform on [0, 1) from a uint32 draw: its upper 24 bits, exact in float32."""
    return (drawn >> 8).astype(jnp.int32).astype(jnp.float32) * 2.0**-24


def normal(drawn: Any) -> Any:
    """Standard normal, float32, from a uint32 draw, by inversion; the relative error is below 2⁻²⁰.

    The lower 31 bits plus 1/2, in units of 2⁻³², are the tail probability beyond the number; the upper bit is its sign,
    1 for positive. With x = 1 - 2·tail and w = -log2(1 - x²), quantile/x is smooth in w, and in the root of w where w
    is large.
    """
    below = (drawn & 0x7FFFFFFF).astype(jnp.int32)
    twice = (below.astype(jnp.float32) + 0.5) * 2.0**-31
    x = ((0x7FFFFFFF - below).astype(jnp.float32) + 0.5) * 2.0**-31
    w = jnp.maximum(-_log2(twice * (2.0 - twice)), 0.0)
    size = x * jnp.where(w < 7.0, _polynomial(_CENTRE, w - 3.5), _polynomial(_TAIL, jnp.sqrt(w) - 4.0))
    return jnp.where(drawn >> 31 == 1, size, -size)


def _log2(y: Any) -> Any:
    bits = jax.lax.bitcast_convert_type(y, jnp.int32)
    exponent = (bits - 0x3F2AAAAB) >> 23  # 0x3F2AAAAB is 2/3
    r = jax.lax.bitcast_convert_type(bits - (exponent << 23), jnp.float32) - 1.0
    return exponent.astype(jnp.float32) + _polynomial(_LOG2, r) * r


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value: Any = jnp.float32(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + jnp.float32(coefficient)
    return value


@dataclass(frozen=True, eq=False, repr=False)
class Law(ByName):
    """The distribution of the weights of a generated matrix. Laws are compared by identity.

    Attributes:
        name: its name in messages and tables.
        parameters: names of its parameters, as users give them.
        variate: a function of a uint32 draw, float32, for a law with two parameters. None if all weights are equal to
            the only parameter.
        linear: ``parameters → (offset, spread)``, from the user's parameters.
    """

    name: str
    parameters: tuple[str, ...]
    variate: Callable[[Any], Any] | None = None
    linear: Callable[[Any], Any] = lambda data: data

    def weights(self, data: Any, drawn: Any) -> Any:
        """The weights of connections.

        Args:
            data: (weight,) or (offset, spread).
            drawn: the connections' draws, uint32.

        Returns:
            An array of the dtype of ``data`` and the shape of ``drawn``.
        """
        if self.variate is None:
            return jnp.broadcast_to(data[0], jnp.shape(drawn))
        return data[0] + data[1] * self.variate(drawn).astype(data.dtype)


SCALAR = Law("scalar", ("weight",))
UNIFORM = Law("uniform", ("low", "high"), uniform, lambda data: jnp.stack([data[0], data[1] - data[0]]))
NORMAL = Law("normal", ("loc", "scale"), normal)

#: The laws by name.
LAWS = {law.name: law for law in (SCALAR, UNIFORM, NORMAL)}


def _law(name: str) -> Law:
    return LAWS[name]


Law.find = staticmethod(_law)


class ConnectionRule(NamedTuple):
    """The static part of a generated matrix: how its connections and their weights are drawn. It corresponds to the
    :class:`~brainevent_core.formats.Format` of a stored matrix. (It is a tuple, which Python hashes in C, because an
    eager product hashes it in every call.)

    Attributes:
        law: the distribution of the weights.
        prob: the connection probability.
    """

    law: Law
    prob: float

    @property
    def components(self) -> tuple[()]:
        """Components of the structure: there are none."""
        return ()

    @property
    def stores_all(self) -> bool:
        """Whether all elements are stored in an array: never."""
        return False
