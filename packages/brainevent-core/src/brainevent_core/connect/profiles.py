"""Functions of the distance, for connection probabilities and for weights."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import QuantityLike
from brainevent_core.errors import MathError

__all__ = ["ExponentialProfile", "GaussianProfile", "LinearProfile", "Profile"]


class Profile(abc.ABC):
    """Base class of functions of the distance; subclass it for your own profiles."""

    @abc.abstractmethod
    def __call__(self, distance: Any) -> Any:
        """The value at the given distances.

        Args:
            distance: an array (NumPy's float64; a JAX array from :func:`by_distance`), or a quantity of one.

        Returns:
            An array of the shape of ``distance``, or a quantity.
        """


def _profile(
    peak: QuantityLike, name: str, length: QuantityLike, distance: Any, shape: Callable[[Any, Any], Any]
) -> Any:
    """``peak · shape(distance / length)`` in NumPy or JAX, like the distance; ``shape`` also gets the module.

    Raises:
        MathError: if the length isn't positive.
        UnitMismatchError: if its unit is incompatible with that of the distance.
    """
    mantissa, unit = units.detach(distance)
    relative_to = float(np.asarray(units.mantissa_in(length, unit, name, "the distance")))
    if not relative_to > 0:
        raise MathError(f"{name} must be a positive length, got {length}.")
    height, peak_unit = units.detach(peak)
    if isinstance(mantissa, jax.Array):
        return units.attach(height * shape(mantissa / relative_to, jnp), peak_unit)
    return units.attach(height * shape(np.asarray(mantissa, np.float64) / relative_to, np), peak_unit)


@dataclass(frozen=True, eq=False)
class GaussianProfile(Profile):
    """``peak · exp(−distance² / (2 sigma²))``.

    Args:
        sigma: a length in the unit of the positions.
        peak: the value at distance 0: a probability, or a weight, which can have a unit.

    Example:
        >>> from brainevent import connect
        >>> import numpy as np
        >>> connect.GaussianProfile(sigma=1.0, peak=0.5)(np.array([0.0, 1.0])).round(3)
        array([0.5  , 0.303])
    """

    sigma: QuantityLike
    peak: QuantityLike = 1.0

    def __call__(self, distance: Any) -> Any:
        return _profile(self.peak, "sigma", self.sigma, distance, lambda d, xp: xp.exp(-0.5 * d**2))


@dataclass(frozen=True, eq=False)
class ExponentialProfile(Profile):
    """``peak · exp(−distance / scale)``.

    Args:
        scale: a length in the unit of the positions.
        peak: the value at distance 0.
    """

    scale: QuantityLike
    peak: QuantityLike = 1.0

    def __call__(self, distance: Any) -> Any:
        return _profile(self.peak, "scale", self.scale, distance, lambda d, xp: xp.exp(-d))


@dataclass(frozen=True, eq=False)
class LinearProfile(Profile):
    """``peak · (1 − distance / reach)`` up to the reach, and 0 beyond.

    Args:
        reach: the distance at which the value becomes 0, in the unit of the positions.
        peak: the value at distance 0.
    """

    reach: QuantityLike
    peak: QuantityLike = 1.0

    def __call__(self, distance: Any) -> Any:
        return _profile(self.peak, "reach", self.reach, distance, lambda d, xp: xp.maximum(1 - d, 0))
