"""The weights of what a rule has drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import QuantityLike
from brainevent_core.connect.distributions import Distribution
from brainevent_core.connect.profiles import Profile
from brainevent_core.connect.synapses import Synapses
from brainevent_core.errors import MathError
from brainevent_core.jitc import draw
from brainevent_core.matrices.arguments import as_data
from brainevent_core.sampling import WEIGHTS, chunks, function_key, row_keys

__all__ = ["Weight", "weights"]

#: What ``weight=`` of a rule takes.
Weight: TypeAlias = QuantityLike | Distribution | Profile | Callable[..., QuantityLike]


def weights(weight: Weight, synapses: Synapses, seed: np.ndarray, distances: Callable[[], Any] | None = None) -> Any:
    """A scalar, or one weight for each synapse.

    Args:
        weight: as users give it.
        synapses: that have these weights.
        seed: two words.
        distances: gives the distance of each, for rules that have one.

    Raises:
        MathError: if there are more or fewer weights than synapses.
    """
    if isinstance(weight, Distribution):
        return _drawn(weight, synapses, seed)
    if isinstance(weight, Profile):
        if distances is None:
            raise MathError(
                f"A profile such as {type(weight).__name__} is a weight by distance, which only connect.distance has."
            )
        return _fitting(weight(distances()), synapses, "the profile")
    if callable(weight):
        arguments = synapses.ids if distances is None else (*synapses.ids, distances())
        return _fitting(weight(function_key(seed), *arguments), synapses, "the function weight")
    return _fitting(weight, synapses, "weight")


def _fitting(value: Any, synapses: Synapses, what: str) -> Any:
    data = as_data(value)
    if data.size == 1 and (data.ndim == 0 or synapses.size != 1):
        return data.reshape(())
    degrees = set(synapses.counts.tolist()) if data.ndim == 2 else set()
    if len(degrees) == 1 and tuple(data.shape) == (len(synapses.counts), *degrees):
        return data.reshape(-1)
    if tuple(data.shape) != (synapses.size,):
        raise MathError(
            f"The rule makes {synapses.size} synapses, so {what} must give one weight for all or an array of shape "
            f"({synapses.size},), in the order of the rule; got shape {tuple(data.shape)}."
        )
    return data


def _drawn(distribution: Distribution, synapses: Synapses, seed: np.ndarray) -> Any:
    """A weight by (seed, row, position in the row) for each synapse."""
    values = np.empty(synapses.size, jnp.result_type(float))
    ends = np.cumsum(synapses.counts)
    for start, stop in chunks(synapses.counts):
        counts = synapses.counts[start:stop]
        keys = row_keys(seed, np.arange(start, stop) + synapses.first, WEIGHTS)
        begins = ends[start:stop] - counts
        low, high = int(begins[0]), int(ends[stop - 1])
        position = (np.arange(low, high) - np.repeat(begins, counts)).astype(np.uint32)
        words = draw(np.repeat(keys[0], counts), np.repeat(keys[1], counts), position)
        values[low:high] = distribution.quantile((words + 0.5) * 2.0**-32)
    return units.attach(values, distribution.unit)
