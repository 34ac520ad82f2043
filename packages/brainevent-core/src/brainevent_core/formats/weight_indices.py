"""Weights in another order than entries: entry k has the weight ``data[weight_indices[k]]``.

With this component, a matrix whose weights are stored by rows can be read by columns. Weights without an entry are
ignored; several entries can share a weight.
"""

from collections.abc import Sequence

import numpy as np

from brainevent_core.formats.format import Component, Shape, Structure
from brainevent_core.formats.indices import out_of_range, random_indices

__all__ = ["WEIGHT_INDICES"]


def _check_values(structure: Structure, shape: Shape) -> str | None:
    weights = structure.weight_indices
    return out_of_range("weight_indices", weights, weights.size, "weights, one per entry")


def _draw(rng: np.random.Generator, nse: int, shape: Shape, malformed: bool) -> Sequence[np.ndarray]:
    weights = random_indices(rng, nse, nse, malformed=True) if malformed else rng.permutation(nse)
    return [weights.astype(np.int32)]


WEIGHT_INDICES = Component(
    name="weight_indices",
    structure=("weight_indices",),
    lengths=lambda nse, shape: (nse,),
    remedy="csr_to_csc_index() gives it.",
    weight=lambda structure, shape: structure.weight_indices,
    draw=_draw,
    check_values=_check_values,
)
