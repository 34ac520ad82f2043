"""A fixed number of synapses for the whole matrix."""

from __future__ import annotations

import numpy as np

from brainevent_core.errors import MathError
from brainevent_core.jitc import block_keys
from brainevent_core.sampling.words import CHUNK, PAIRS, below, unseen

__all__ = ["draw_pairs"]


def draw_pairs(
    seed: np.ndarray, n_pre: int, n_post: int, number: int, *, repeats: bool = False, omit_own: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """``number`` pairs of neurons, each pair equally likely.

    Args:
        seed: two words.
        n_pre, n_post: numbers of neurons, below 2³¹.
        number: number of drawn pairs; without ``repeats``, at most the number of possible pairs.
        repeats: whether a pair may be drawn several times.
        omit_own: whether pairs (i, i) are excluded.

    Returns:
        (pre, post), int32, sorted by pre, then by post.

    Raises:
        MathError: if so many pairs can't be drawn, about 2³¹.
    """
    width = n_post - omit_own
    total = n_pre * width
    by_omission = not repeats and 2 * number > total
    codes = _Pairs(seed, n_pre, width).take(total - number if by_omission else number, repeats)
    if by_omission:
        left = np.ones(total, bool)
        left[codes] = False
        codes = np.flatnonzero(left)
    by_pre = codes // max(width, 1)  # twice as fast as divmod
    pre, post = by_pre.astype(np.int32), (codes - by_pre * max(width, 1)).astype(np.int32)
    if omit_own:
        post += post >= pre
    return pre, post


class _Pairs:
    """The sequence of pairs of a seed, each as the number ``pre · width + post``."""

    def __init__(self, seed: np.ndarray, n_pre: int, width: int) -> None:
        self._seed, self._n_pre, self._width = seed.reshape(2, 1), n_pre, width
        # 32 bits if they suffice, which are sorted twice as fast.
        self._dtype = np.dtype(np.uint32 if n_pre * width <= 2**32 else np.uint64)
        self._counter = 0

    def take(self, number: int, repeats: bool) -> np.ndarray:
        """The first ``number`` valid pairs, sorted; the first distinct ones without ``repeats``."""
        kept = np.empty(0, self._dtype)
        added = kept
        while missing := number - kept.size - added.size:
            # As many as are missing, as for the partners of a row, so that the pairs don't depend on the iterations.
            new = np.sort(self._draw(missing))
            if not repeats:
                new = unseen(new, kept, added)
            if not kept.size:
                kept = new
            else:
                added = np.sort(np.concatenate([added, new]))
        return np.sort(np.concatenate([kept, added])) if added.size else kept

    def _draw(self, count: int) -> np.ndarray:
        """The valid ones among the next ``count`` pairs."""
        if self._counter + count > 2**32:
            raise MathError(
                f"fixed_total_number draws at most 2**32 pairs for a matrix, and needs more for {self._n_pre} × "
                f"{self._width} pairs: divide the matrix into several."
            )
        found = []
        for first in range(self._counter, self._counter + count, CHUNK):
            counter = np.arange(first, min(first + CHUNK, self._counter + count)).astype(np.uint32)
            words = block_keys(self._seed, counter, np.full(1, PAIRS, np.uint32))
            (pre, pre_valid), (post, post_valid) = below(words[0], self._n_pre), below(words[1], self._width)
            codes: np.ndarray = pre.astype(self._dtype)
            codes *= self._width
            codes += post.astype(self._dtype)
            valid = pre_valid & post_valid
            found.append(codes if valid.all() else codes[valid])
        self._counter += count
        return np.concatenate(found)
