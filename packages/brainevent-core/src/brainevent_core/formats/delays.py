"""Delays: the number of steps after which an event of an entry arrives.

Delays annotate entries without changing them: products, which have no time axis, raise an error for a matrix with
delays, and delivery to a ring buffer uses them. There is one delay for all entries, per row or column, or per entry.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.format import Component, Entries, Shape, Structure
from brainevent_core.formats.indices import INT32_MAX, signed

__all__ = ["DELAY", "delay_at_entries", "delay_extent"]

#: Upper bound of drawn delays (exclusive), in the tests of operations and backends.
_DRAWN_BELOW = 16


def delay_extent(delay: Any) -> str:
    """What each number of the array applies to: "all" entries, a "row" or a "column" of the stored matrix, or an
    "entry"."""
    if delay.ndim == 1:
        return "all" if delay.shape[0] == 1 else "entry"
    return "row" if delay.shape[1] == 1 else "column"


def delay_at_entries(delay: Any, entries: Entries) -> Any:
    """The delay of each entry, int32; (1,) if it is the same for all. It is 0, which never arrives, for invalid delays
    and, with delays per row or column, for entries outside the shape."""
    steps = signed(delay)
    steps = jnp.where((steps >= 1) & (steps <= INT32_MAX), steps, 0).astype(jnp.int32)
    extent = delay_extent(delay)
    if extent in ("all", "entry"):
        return steps
    steps, line = steps.reshape(-1), entries.row if extent == "row" else entries.col
    if steps.shape[0] == 0:
        return jnp.zeros(line.shape, jnp.int32)
    return steps.at[line].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def _check_values(structure: Structure, shape: Shape) -> str | None:
    delay = structure.delay.reshape(-1)
    wrong = np.flatnonzero((delay < 1) | (delay > INT32_MAX))
    if not wrong.size:
        return None
    return (
        f"delay holds {int(delay[wrong[0]])} at position {int(wrong[0])}: an event arrives a whole number of steps "
        f"later, at least 1 and at most {INT32_MAX}. brainevent.steps(time, dt) makes steps of times."
    )


def _draw(rng: np.random.Generator, nse: int, shape: Shape, malformed: bool) -> Sequence[np.ndarray]:
    delay = rng.integers(1, _DRAWN_BELOW, nse)
    if not malformed:
        return [delay.astype(np.uint8)]
    where = rng.permutation(nse)[: max(4, nse // 4)]
    delay[where] = np.resize([0, -1, _DRAWN_BELOW, INT32_MAX], where.size)
    return [delay.astype(np.int32)]


DELAY = Component(
    name="delay",
    structure=("delay",),
    lengths=lambda nse, shape: (((1,), (shape[0], 1), (1, shape[1]), (nse,)),),
    remedy="a delay is for all entries, for those of a row or a column, or for one.",
    annotates=(
        "This matrix has delays, and so no product: what its events cause arrives later. Add it to a ring with slots "
        "for the steps to come, `ring = brainevent.DelayRing(slots, n_post)` and `ring = ring.add(spikes, matrix)`; "
        "`matrix.with_delay(None)` multiplies at once."
    ),
    check_values=_check_values,
    draw=_draw,
)
