"""The weights and delays of the synapses that a rule has drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import ArrayLike, QuantityLike
from brainevent_core.connect.distributions import Distribution
from brainevent_core.connect.profiles import Profile
from brainevent_core.connect.synapses import Facts, Synapses
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import INT32_MAX
from brainevent_core.jitc import draw
from brainevent_core.matrices.arguments import as_data, as_integers
from brainevent_core.matrices.delays import narrowed
from brainevent_core.sampling import DELAY_FUNCTIONS, DELAYS, FUNCTIONS, WEIGHTS, chunks, function_key, row_keys

__all__ = ["Delay", "Weight", "facts"]

#: The type of ``weight=`` of a rule.
Weight: TypeAlias = QuantityLike | Distribution | Profile | Callable[..., QuantityLike]

#: The type of ``delay=`` of a rule.
Delay: TypeAlias = ArrayLike | Distribution | Callable[..., ArrayLike]

_Distances: TypeAlias = Callable[[], Any] | None


def facts(
    weight: Weight, delay: Delay | None, synapses: Synapses, seed: np.ndarray, distances: _Distances = None
) -> Facts:
    """The weights and delays of synapses, a scalar or one for each.

    Args:
        weight, delay: in the form that users give.
        synapses: the synapses.
        seed: two words.
        distances: returns the distance of each synapse, for rules that have distances.

    Raises:
        MathError: if their number is not that of the synapses, or a delay is less than 1.
        DTypeError: if delays are not integers.
    """
    return Facts(
        _weights(weight, synapses, seed, distances),
        None if delay is None else _delays(delay, synapses, seed, distances),
    )


def _weights(weight: Weight, synapses: Synapses, seed: np.ndarray, distances: _Distances) -> Any:
    if isinstance(weight, Distribution):
        values = np.empty(synapses.size, jnp.result_type(float))
        return units.attach(_drawn(weight, synapses, seed, WEIGHTS, values), weight.unit)
    if isinstance(weight, Profile):
        if distances is None:
            raise MathError(
                f"A profile such as {type(weight).__name__} is a weight by distance, which only connect.distance has."
            )
        return _fitting(as_data(weight(distances())), synapses, "the profile", "weight")
    if callable(weight):
        found = _called(weight, synapses, function_key(seed, FUNCTIONS), distances)
        return _fitting(as_data(found), synapses, "the function weight", "weight")
    return _fitting(as_data(weight), synapses, "weight", "weight")


def _delays(delay: Delay, synapses: Synapses, seed: np.ndarray, distances: _Distances) -> Any:
    if isinstance(delay, Distribution):
        if delay.unit is not None:
            raise DTypeError(
                f"Delays are steps, and the distribution is of times in {delay.unit}: convert it, "
                "`delay=brainevent.steps(distribution, dt)`."
            )
        steps = _drawn(delay, synapses, seed, DELAYS, np.empty(synapses.size, _dtype_of(delay)))
    else:
        what = "the function delay" if callable(delay) else "delay"
        if callable(delay):
            delay = _called(delay, synapses, function_key(seed, DELAY_FUNCTIONS), distances)
        if isinstance(delay, units.Quantity) or not _are_integers(delay):
            raise DTypeError(
                f"Delays are whole steps, and {what} gives {_kind(delay)}: make steps of times with "
                "`brainevent.steps(time, dt)`."
            )
        steps = _fitting(narrowed(as_integers("delay", delay)), synapses, what, "delay")
    if not isinstance(steps, jax.core.Tracer) and steps.size and int(np.min(steps)) < 1:
        raise MathError(
            f"A delay is at least one step, got {int(np.min(steps))}: give a distribution a lower bound, low= of one "
            "step (numbers below it are drawn again)."
        )
    return steps


def _dtype_of(delay: Distribution) -> Any:
    """The smallest dtype of all delays that can be drawn, so that a block of rows has the dtype of the whole."""
    largest = np.rint(delay.quantile(np.array([1 - 2.0**-33]))[0])
    if not largest <= INT32_MAX:
        raise MathError(f"Delays of {delay} reach {largest} steps, and have 31 bits: give it an upper bound, high=.")
    return next(dtype for dtype in (np.uint8, np.uint16, np.int32) if largest <= np.iinfo(dtype).max)


def _are_integers(value: Any) -> bool:
    if isinstance(value, (jax.Array, np.ndarray)):
        return bool(jnp.issubdtype(value.dtype, jnp.integer))
    return bool(np.asarray(value).dtype.kind in "iu") or np.size(value) == 0


def _kind(value: Any) -> str:
    unit = units.unit_of(value)
    return f"a quantity in {unit}" if unit is not None else str(getattr(value, "dtype", type(value).__name__))


def _called(function: Callable[..., Any], synapses: Synapses, key: Any, distances: _Distances) -> Any:
    return function(key, *synapses.ids) if distances is None else function(key, *synapses.ids, distances())


def _fitting(data: Any, synapses: Synapses, what: str, noun: str) -> Any:
    if data.size == 1 and (data.ndim == 0 or synapses.size != 1):
        return data.reshape(())
    degrees = set(synapses.counts.tolist()) if data.ndim == 2 else set()
    if len(degrees) == 1 and tuple(data.shape) == (len(synapses.counts), *degrees):
        return data.reshape(-1)
    if tuple(data.shape) != (synapses.size,):
        raise MathError(
            f"The rule makes {synapses.size} synapses, so {what} must give one {noun} for all or an array of shape "
            f"({synapses.size},), in the order of the rule; got shape {tuple(data.shape)}."
        )
    return data


def _drawn(
    distribution: Distribution, synapses: Synapses, seed: np.ndarray, domain: int, values: np.ndarray
) -> np.ndarray:
    """Draw a number from (seed, row, position in the row) for each synapse into ``values``; rounded if these are
    integers."""
    ends = np.cumsum(synapses.counts)
    for start, stop in chunks(synapses.counts):
        counts = synapses.counts[start:stop]
        keys = row_keys(seed, np.arange(start, stop) + synapses.first, domain)
        begins = ends[start:stop] - counts
        low, high = int(begins[0]), int(ends[stop - 1])
        position = (np.arange(low, high) - np.repeat(begins, counts)).astype(np.uint32)
        words = draw(np.repeat(keys[0], counts), np.repeat(keys[1], counts), position)
        found = distribution.quantile((words + 0.5) * 2.0**-32)
        values[low:high] = np.maximum(np.rint(found), 0) if values.dtype.kind in "iu" else found
    return values
