"""Connection rules in plain Python, written from docs/connection-rules.md.

This model uses no code of the library.
"""

import math
from collections.abc import Callable, Iterator
from itertools import count, islice
from statistics import NormalDist

from tests.jitc_model import draw, line, threefry

PARTNERS, PAIRS, DISTANCE, WEIGHTS, FUNCTIONS, DELAYS, DELAY_FUNCTIONS = (2**31 + number for number in range(7))

Seed = tuple[int, int]
Edges = list[tuple[int, int]]


def number(word: int, n: int) -> int | None:
    """A number below ``n`` from a random word, or None if the word must be rejected."""
    high, low = divmod(word * n, 2**32)
    return high if low >= 2**32 % n else None


def distinct(numbers: Iterator[int | tuple[int, int]]) -> Iterator[int | tuple[int, int]]:
    seen = set()
    for each in numbers:
        if each not in seen:
            seen.add(each)
            yield each


def partners(seed: Seed, row: int, n: int, k: int, multapses: bool, autapses: bool) -> list[int]:
    n -= not autapses
    key = threefry(seed, (row, PARTNERS))

    def tried(c: int) -> int | None:
        if n <= 2**32:
            return number(draw(key, c), n)
        high, low = divmod((draw(key, 2 * c) * 2**32 + draw(key, 2 * c + 1)) * n, 2**64)
        return high if low >= 2**64 % n else None

    numbers = (found for c in count() if (found := tried(c)) is not None)
    if multapses:
        chosen = list(islice(numbers, k))
    elif 2 * k <= n:
        chosen = list(islice(distinct(numbers), k))
    else:
        chosen = list(set(range(n)) - set(islice(distinct(numbers), n - k)))
    return sorted(each + (not autapses and each >= row) for each in chosen)


def pairs(seed: Seed, n_pre: int, n_post: int, k: int, multapses: bool, autapses: bool) -> Edges:
    width = n_post - (not autapses)

    def attempts() -> Iterator[tuple[int, int]]:
        for a in count():
            first, second = threefry(seed, (a, PAIRS))
            pre, post = number(first, n_pre), number(second, width)
            if pre is not None and post is not None:
                yield pre, post + (not autapses and post >= pre)

    every = {(i, j) for i in range(n_pre) for j in range(n_post) if autapses or i != j}
    if multapses:
        return sorted(islice(attempts(), k))
    if 2 * k <= len(every):
        return sorted(islice(distinct(attempts()), k))
    return sorted(every - set(islice(distinct(attempts()), len(every) - k)))


def bernoulli(seed: Seed, n_pre: int, n_post: int, prob: float, autapses: bool = True) -> Edges:
    return [(i, j) for i in range(n_pre) for j, _ in line(seed, i, prob, n_post) if autapses or i != j]


def by_distance(
    seed: Seed,
    pre: list[list[float]],
    post: list[list[float]],
    kernel: Callable[[float], float],
    radius: float = math.inf,
    box: float = 0.0,
) -> Edges:
    found = []
    for i, here in enumerate(pre):
        key = threefry(seed, (i, DISTANCE))
        for j, there in enumerate(post):
            apart = [b - a for a, b in zip(here, there, strict=True)]
            if box:
                apart = [d - box * round(d / box) for d in apart]
            squares = 0.0
            for d in apart:
                squares += d * d
            length = math.sqrt(squares)
            if length <= radius and draw(key, j) < kernel(length) * 2**32:
                found.append((i, j))
    return found


def symmetric(edges: Edges) -> Edges:
    upper = [(i, j) for i, j in edges if i <= j]
    return sorted({*upper, *((j, i) for i, j in upper)})


def probabilities(seed: Seed, edges: Edges, domain: int = WEIGHTS) -> list[float]:
    """The uniform number of each synapse, for its weight or its delay. Synapses are sorted by row."""
    found, position = [], 0
    for at, (row, _) in enumerate(edges):
        position = position + 1 if at and edges[at - 1][0] == row else 0
        found.append((draw(threefry(seed, (row, domain)), position) + 0.5) / 2**32)
    return found


def normal(u: float, mean: float, std: float, low: float = -math.inf, high: float = math.inf) -> float:
    law = NormalDist()
    below, above = (law.cdf((bound - mean) / std) for bound in (low, high))
    return mean + std * law.inv_cdf(below + u * (above - below))


def log_normal(u: float, mean: float, std: float) -> float:
    sigma = math.sqrt(math.log(1 + (std / mean) ** 2))
    return math.exp(math.log(mean) - sigma**2 / 2 + sigma * NormalDist().inv_cdf(u))
