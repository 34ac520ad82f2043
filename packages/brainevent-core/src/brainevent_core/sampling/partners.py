"""The same number of partners for every neuron."""

from __future__ import annotations

import numpy as np

from brainevent_core.errors import MathError
from brainevent_core.jitc import draw
from brainevent_core.sampling.words import CHUNK, PARTNERS, below, below_wide, number_dtype, row_keys, unseen

__all__ = ["draw_partners"]


def draw_partners(
    seed: np.ndarray,
    rows: tuple[int, int],
    partners: int,
    count: int,
    *,
    repeats: bool = False,
    omit_own: bool = False,
) -> np.ndarray:
    """``count`` numbers below ``partners`` for each row of a range.

    Args:
        seed: two words.
        rows: the first row, and the end of the range.
        partners: number of possible partners, below 2⁶³.
        count: numbers per row; without ``repeats``, at most ``partners``.
        repeats: whether a number may be drawn several times; otherwise every subset is equally likely.
        omit_own: whether row i can't have the number i.

    Returns:
        (rows, count), ascending in each row; int32, or int64 from 2³¹ partners on.

    Raises:
        MathError: if there are more than 2³² rows, or not less than 2⁶³ partners.
    """
    start, stop = rows
    if stop > 2**32 or partners >= 2**63:
        raise MathError(
            f"Partners are drawn for at most 2**32 neurons out of fewer than 2**63, got {stop} neurons and {partners} "
            "partners."
        )
    bound = max(partners - omit_own, 0)
    by_omission = not repeats and 2 * count > bound
    drawn = bound - count if by_omission else count
    result = np.empty((stop - start, count), number_dtype(bound))
    step = max(CHUNK // max(bound if by_omission else count, 1), 1) if count else stop - start
    step = max(min(step, (2**63 - 1) // (bound + 1)), 1)  # so that the codes below fit into 64 bits
    for first in range(start, stop, step):
        numbers = np.arange(first, min(first + step, stop), dtype=np.int64)
        chosen = _chosen(row_keys(seed, numbers, PARTNERS), bound, drawn, repeats)
        if by_omission:
            chosen = _others(chosen, bound)
        if omit_own:
            chosen += chosen >= numbers[:, None]
        result[first - start : first - start + len(numbers)] = chosen
    return result


def _chosen(keys: tuple[np.ndarray, np.ndarray], bound: int, count: int, repeats: bool) -> np.ndarray:
    """The first ``count`` valid numbers of each row, sorted; the first distinct ones without ``repeats``.

    Each iteration draws as many as a row lacks. Therefore, no row ever gets too many numbers, and its numbers don't
    depend on the iterations.
    """
    if not count:
        return np.empty((len(keys[0]), 0), number_dtype(bound))
    numbers, valid = _numbers(keys[0][:, None], keys[1][:, None], np.arange(count, dtype=np.uint32), bound)
    if not valid.all():
        numbers[~valid] = bound  # represents a missing number, and is sorted after all others
    numbers.sort(axis=1)
    lacking = numbers == bound
    if not repeats:
        lacking[:, 1:] |= numbers[:, 1:] == numbers[:, :-1]
    places = np.flatnonzero(lacking)
    if places.size:
        width = bound + 1
        codes = (numbers + np.arange(len(numbers))[:, None] * width).reshape(-1)  # ascending
        missing = np.bincount(places // count, minlength=len(numbers))
        more = _more(keys, bound, missing, np.full(len(numbers), count, np.uint32), None if repeats else codes)
        numbers.reshape(-1)[places] = more % width
        numbers.sort(axis=1)
    return numbers


def _numbers(key0: np.ndarray, key1: np.ndarray, counter: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers drawn for a row, and which of them are valid."""
    if bound <= 2**32:
        return below(draw(key0, key1, counter), bound)
    even = counter * np.uint32(2)
    return below_wide(draw(key0, key1, even), draw(key0, key1, even + np.uint32(1)), bound)


def _more(
    keys: tuple[np.ndarray, np.ndarray],
    bound: int,
    missing: np.ndarray,
    counter: np.ndarray,
    codes: np.ndarray | None,
) -> np.ndarray:
    """The next numbers of rows, as many as each lacks, as the codes ``row · (bound + 1) + number``, sorted.

    Args:
        keys: keys of the rows.
        bound: upper bound of the numbers (exclusive).
        missing: how many numbers each row lacks.
        counter: the counter of each row's next draw.
        codes: the codes of numbers that rows already have, sorted, if they must not be repeated; otherwise None.
    """
    added = np.empty(0, np.int64)
    while missing.any():
        row = np.repeat(np.arange(len(missing)), missing)
        rank = np.arange(len(row)) - np.repeat(np.cumsum(missing) - missing, missing)
        numbers, valid = _numbers(keys[0][row], keys[1][row], counter[row] + rank.astype(np.uint32), bound)
        new = np.sort((row * (bound + 1) + numbers)[valid])
        if codes is not None:
            new = unseen(new, codes, added)
        counter = counter + missing.astype(np.uint32)
        missing = missing - np.bincount(new // (bound + 1), minlength=len(missing))
        added = np.sort(np.concatenate([added, new]))
    return added


def _others(numbers: np.ndarray, bound: int) -> np.ndarray:
    """For each row, the numbers below ``bound`` that it doesn't contain."""
    left = np.ones((len(numbers), bound), bool)
    np.put_along_axis(left, numbers, False, axis=1)
    return np.nonzero(left)[1].astype(number_dtype(bound)).reshape(len(numbers), bound - numbers.shape[1])
