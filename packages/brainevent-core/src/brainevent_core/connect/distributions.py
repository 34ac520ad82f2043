"""Distributions of weights and delays."""

from __future__ import annotations

import abc
import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainevent_core import units
from brainevent_core._typing import QuantityLike
from brainevent_core.errors import DTypeError, MathError

__all__ = ["Distribution", "LogNormal", "Normal", "Uniform"]


class Distribution(abc.ABC):
    """Base class of distributions of weights: a quantile function, and a unit.

    Each synapse has its own uniform random number, drawn from (seed, row, position in the row), and the weight is the
    quantile of this number. Subclass it for your own distributions.
    """

    @property
    @abc.abstractmethod
    def unit(self) -> Any:
        """The unit of the weights, or None."""

    @abc.abstractmethod
    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """The quantiles of the weights, in :attr:`unit`.

        Args:
            probability: float64, between 0 and 1 (exclusive).
        """

    def in_steps(self, dt: QuantityLike) -> Distribution:
        """The distribution of these times in steps of length ``dt``, as returned by :func:`brainevent.steps`."""
        return _InSteps(self, dt)


@dataclass(frozen=True, eq=False)
class _InSteps(Distribution):
    """Times in steps of length ``dt``."""

    times: Distribution
    dt: QuantityLike

    def __post_init__(self) -> None:
        self.quantile(np.array([0.5]))  # raises an error for incompatible units

    @property
    def unit(self) -> Any:
        return None

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        dt, unit = units.detach(self.dt)
        times = units.attach(self.times.quantile(probability), self.times.unit)
        return np.asarray(units.mantissa_in(times, unit, "the times", "dt")) / float(dt)


def _number(name: str, value: Any, unit: Any, whose: str = "mean") -> float:
    """A parameter as a number in the given unit, which is that of ``whose``.

    Raises:
        UnitMismatchError: if its dimension is another one.
        DTypeError: if it isn't a number.
    """
    mantissa = units.mantissa_in(value, unit, name, whose)
    try:
        number = float(np.asarray(mantissa).reshape(()))
    except (TypeError, ValueError):
        raise DTypeError(f"{name} must be one number, known when the network is made; got {value!r}.") from None
    if math.isnan(number):
        raise MathError(f"{name} must be a number, got nan.")
    return number


@dataclass(frozen=True, eq=False)
class Uniform(Distribution):
    """The uniform distribution between two bounds.

    Args:
        low: the lower bound, a number or a quantity.
        high: the upper bound, in a compatible unit.

    Raises:
        MathError: if ``high`` is below ``low``.

    Example:
        >>> from brainevent import connect
        >>> W = connect.fixed_outdegree(50, 40, 10, weight=connect.Uniform(0.5, 1.5), seed=0)
        >>> bool((W.data >= 0.5).all() and (W.data <= 1.5).all())
        True
    """

    low: QuantityLike
    high: QuantityLike

    def __post_init__(self) -> None:
        low, high = self._bounds
        if not low <= high:
            raise MathError(f"Uniform needs low <= high, got low={self.low} and high={self.high}.")

    @property
    def unit(self) -> Any:
        return units.unit_of(self.low)

    @functools.cached_property
    def _bounds(self) -> tuple[float, float]:
        return _number("low", self.low, self.unit, "low"), _number("high", self.high, self.unit, "low")

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        low, high = self._bounds
        return low + (high - low) * probability


@dataclass(frozen=True, eq=False)
class _Truncated(Distribution):
    """A distribution with a mean and a standard deviation, optionally truncated to bounds."""

    mean: QuantityLike
    std: QuantityLike
    low: QuantityLike | None = None
    high: QuantityLike | None = None

    def __post_init__(self) -> None:
        """Check that there are weights between the bounds."""
        low, high = self._limits
        ends = self.quantile(np.array([2.0**-33, 1 - 2.0**-33])) if low < high else np.full(2, math.nan)
        if not (np.isfinite(ends).all() and low <= ends[0] and ends[1] <= high):
            raise MathError(
                f"{type(self).__name__} with mean={self.mean} and std={self.std} has nothing between low={self.low} "
                f"and high={self.high}."
            )

    @property
    def unit(self) -> Any:
        return units.unit_of(self.mean)

    @functools.cached_property
    def _parameters(self) -> tuple[float, float]:
        mean, std = _number("mean", self.mean, self.unit), _number("std", self.std, self.unit)
        if not (math.isfinite(mean) and 0 <= std < math.inf):
            raise MathError(
                f"{type(self).__name__} needs a finite mean and std >= 0, got mean={self.mean} and std={self.std}."
            )
        return mean, std

    @functools.cached_property
    def _limits(self) -> tuple[float, float]:
        low = -math.inf if self.low is None else _number("low", self.low, self.unit)
        high = math.inf if self.high is None else _number("high", self.high, self.unit)
        return low, high


class Normal(_Truncated):
    """The normal distribution, optionally truncated to bounds.

    Args:
        mean: of the normal distribution, a number or a quantity.
        std: the standard deviation, in a compatible unit; 0 gives the mean.
        low: the lower bound, or None. With bounds, the distribution is truncated, as if numbers outside the bounds were
            drawn again (this changes the mean and the standard deviation).
        high: the upper bound, or None.

    Raises:
        MathError: if ``std`` is negative, or the bounds exclude all numbers.

    Example:
        >>> import brainunit as u
        >>> from brainevent import connect
        >>> excitatory = connect.Normal(0.5 * u.nS, 0.2 * u.nS, low=0 * u.nS)
        >>> W = connect.fixed_indegree(50, 40, 10, weight=excitatory, seed=0)
        >>> W
        CSR(shape=(50, 40), nse=400, dtype=float32, unit=nS)
    """

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        mean, std = self._parameters
        low, high = self._limits
        if not std:
            return np.full(probability.shape, mean)
        standard = _normal_between(probability, (low - mean) / std, (high - mean) / std)
        return np.clip(mean + std * standard, low, high)


class LogNormal(_Truncated):
    """The log-normal distribution, optionally truncated to bounds.

    With σ² = ln(1 + (std/mean)²) and μ = ln(mean) − σ²/2, the logarithm of a weight is normal with mean μ and standard
    deviation σ.

    Args:
        mean: of the weights themselves, not of their logarithm; positive, a number or a quantity.
        std: standard deviation of the weights, in a compatible unit; 0 gives the mean.
        low, high: as for :class:`Normal`.

    Raises:
        MathError: if ``mean`` isn't positive, ``std`` is negative, or the bounds exclude all numbers.

    Example:
        >>> from brainevent import connect
        >>> W = connect.fixed_outdegree(100, 400, 100, weight=connect.LogNormal(2.0, 1.0), seed=0)
        >>> round(float(W.data.mean()), 1), round(float(W.data.std()), 1)
        (2.0, 1.0)
    """

    def __post_init__(self) -> None:
        if self._parameters[0] <= 0:
            raise MathError(f"LogNormal needs a positive mean, got mean={self.mean}.")
        super().__post_init__()

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        mean, std = self._parameters
        low, high = self._limits
        if not std:
            return np.full(probability.shape, mean)
        sigma = math.sqrt(math.log1p((std / mean) ** 2))
        mu = math.log(mean) - sigma**2 / 2
        with np.errstate(divide="ignore"):
            bounds = (np.log([max(low, 0.0), max(high, 0.0)]) - mu) / sigma
        return np.clip(np.exp(mu + sigma * _normal_between(probability, *bounds)), low, high)


def _normal_between(probability: np.ndarray, low: float, high: float) -> np.ndarray:
    """Quantiles of the standard normal distribution between two bounds; NaN if they enclose no probability."""
    from scipy.special import ndtr, ndtri  # JAX depends on SciPy, and imports it as late

    # Computed in the lower tail, where doubles have a fine resolution of probabilities.
    if low > 0:
        return -_normal_between(1 - probability, -high, -low)
    below, above = ndtr(low), ndtr(high)
    if below == above:
        return np.full(probability.shape, np.nan)
    return ndtri(below + (above - below) * probability) if below > 0 or above < 1 else ndtri(probability)
