"""Just-in-time connectivity as a random process, with fixed seeds.

Each test computes p-values under the null hypothesis that connections are independent Bernoulli trials. A correct
stream passes all tests with these seeds; a wrong one fails at the level ``SIGNIFICANCE``.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core import jitc
from brainevent_core.jitc import SCALAR, ConnectionRule
from brainevent_core.primitives import jitc_to_coo_p, jitc_to_dense_p

stats = pytest.importorskip("scipy.stats")

SIGNIFICANCE = 1e-4
PROBS = (0.0, 1e-5, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


def probabilities(*probs: float, quick: tuple[float, ...]) -> list[Any]:
    """Parameters for the given probabilities, of which all but ``quick`` are marked as slow."""
    return [pytest.param(prob, marks=[] if prob in quick else pytest.mark.slow) for prob in probs]


@pytest.fixture(autouse=True)
def native_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference gives the same bits, but takes longer."""
    pytest.importorskip("brainevent_cpu")
    monkeypatch.setenv(brainevent.config.ENVIRONMENT_VARIABLE, "numba")


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint32)


def pattern(lines: int, length: int, prob: float, seed: int = 0, first: tuple[int, int] = (0, 0)) -> np.ndarray:
    rule = ConnectionRule(SCALAR, prob)
    connected, _ = jitc_to_dense_p(words(0, seed), words(*first), rule=rule, shape=(lines, length))
    return np.asarray(connected)


def entries(lines: int, length: int, prob: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The counts, positions and draws of all connections."""
    arguments: dict[str, Any] = {"rule": ConnectionRule(SCALAR, prob), "shape": (lines, length)}
    counts = jitc_to_coo_p(words(0, seed), words(0), nse=0, **arguments)[0]
    found = jitc_to_coo_p(words(0, seed), words(0), nse=int(counts.sum()), **arguments)
    return tuple(np.asarray(array) for array in found)  # type: ignore[return-value]


def chi_square(observed: Any, expected: Any) -> float:
    """The p-value of counts; cells are joined until at least five are expected in each."""
    joined_observed, joined_expected = [0.0], [0.0]
    for found, mean in zip(observed, expected, strict=True):
        if joined_expected[-1] >= 5:
            joined_observed.append(0.0)
            joined_expected.append(0.0)
        joined_observed[-1] += found
        joined_expected[-1] += mean
    if len(joined_expected) > 1 and joined_expected[-1] < 5:
        joined_observed[-2] += joined_observed.pop()
        joined_expected[-2] += joined_expected.pop()
    scale = sum(joined_observed) / sum(joined_expected)
    return float(stats.chisquare(joined_observed, np.array(joined_expected) * scale).pvalue)


@pytest.mark.parametrize("prob", probabilities(*PROBS, quick=(0.001, 0.3, 1.0)))
def test_density_and_degrees(prob: float) -> None:
    """The number of connections is binomial, and so are degrees along and across the stream."""
    lines, length = 400, 5000
    connected = pattern(lines, length, prob, seed=1)
    total = int(connected.sum())
    if prob in (0.0, 1.0):
        assert total == prob * connected.size
        return
    assert stats.binomtest(total, connected.size, prob).pvalue > SIGNIFICANCE
    for axis in (0, 1):
        degrees = connected.sum(axis)
        trials = connected.shape[axis]
        dispersion = ((degrees - trials * prob) ** 2).sum() / (trials * prob * (1 - prob))
        tails = stats.chi2.cdf(dispersion, degrees.size), stats.chi2.sf(dispersion, degrees.size)
        if prob * trials > 5:
            assert min(tails) > SIGNIFICANCE


@pytest.mark.parametrize("prob", probabilities(1e-5, 0.001, 0.01, 0.1, 0.5, 0.9, quick=(0.001, 0.1)))
def test_gaps_are_geometric(prob: float) -> None:
    """Within rows of several blocks, also across the borders of blocks."""
    length = min(max(20_000, int(100 / prob)), 3_000_000)
    lines = max(1, min(2000, int(200_000 / (length * prob))))
    counts, positions, _ = entries(lines, length, prob, seed=2)
    line = np.repeat(np.arange(lines), counts)
    gaps = np.diff(positions)[np.diff(line) == 0] - 1
    # A gap is observed only if it ends inside the row, so longer gaps are observed less often.
    edges = np.unique(np.concatenate([[0], stats.geom.ppf(np.linspace(0.02, 0.98, 49), prob)])).astype(int)
    observed = np.histogram(gaps, np.append(edges, length))[0]
    room = np.maximum(length - 1 - np.arange(length), 0) * stats.geom.pmf(np.arange(length) + 1, prob)
    expected = np.add.reduceat(room, edges)
    assert chi_square(observed, expected) > SIGNIFICANCE


@pytest.mark.parametrize("prob", probabilities(0.002, 0.1, 0.5, quick=(0.1,)))
def test_neighbours_are_independent(prob: float) -> None:
    """Contingency tables of an element and its neighbour: in the same row, in the next row, in the next block, and in
    networks with related seeds."""
    lines, length = 300, 6000
    block = jitc.block_size(prob)
    here = pattern(lines, length, prob, seed=10)
    others = {
        "next position": (here[:, :-1], here[:, 1:]),
        "next line": (here[:-1], here[1:]),
        "next block": (here, pattern(lines, length, prob, 10, (0, block))),
        "diagonal": (here[:-1, :-1], here[1:, 1:]),
        **{f"seed + {k}": (here, pattern(lines, length, prob, 10 + k)) for k in (1, 2, 64, 2**31)},
    }
    for name, (one, other) in others.items():
        both, first, second = int((one & other).sum()), int(one.sum()), int(other.sum())
        table = [[both, first - both], [second - both, one.size - first - second + both]]
        assert stats.chi2_contingency(table, correction=False).pvalue > SIGNIFICANCE, name


def test_weights_follow_their_law_and_nothing_else() -> None:
    """Kolmogorov–Smirnov; rank correlation with gap, degree, position, row and the neighbour's weight."""
    counts, positions, draws = entries(200, 20_000, 0.05, seed=20)
    uniform, normal = (np.asarray(law.variate(draws), float) for law in (jitc.UNIFORM, jitc.NORMAL))
    assert stats.kstest(uniform, "uniform").pvalue > SIGNIFICANCE
    assert stats.kstest(normal, "norm").pvalue > SIGNIFICANCE
    line = np.repeat(np.arange(200), counts)
    same = np.diff(line) == 0
    for other, values in (
        (np.diff(positions)[same], uniform[1:][same]),
        (np.diff(positions)[same], uniform[:-1][same]),
        (uniform[:-1], uniform[1:]),
        (line, uniform),
        (counts[line], uniform),
        (positions, uniform),
    ):
        assert stats.spearmanr(other, values).pvalue > SIGNIFICANCE


def raw_draws(blocks: int, per_block: int, start: int = 0) -> np.ndarray:
    """Draws of the stream, block after block along rows of 16 blocks, as kernels consume them."""

    @jax.jit
    def draw() -> Any:
        block = jnp.arange(start, start + blocks, dtype=jnp.uint32)[:, None]
        key0, key1 = jitc.block_keys(jnp.asarray(words(0, 123)), block // 16, block % 16)
        return jitc.draw(key0, key1, jnp.arange(per_block, dtype=jnp.uint32))

    return np.asarray(draw()).reshape(-1)


def battery(samples: np.ndarray) -> dict[str, float]:
    """P-values of classical tests (Knuth, TAOCP 3.3.2; Marsaglia) on 32-bit numbers."""
    size = samples.size
    bits = np.array([((samples >> bit) & 1).sum(dtype=np.int64) for bit in range(32)])
    found = {
        # Each bit is set in half of the numbers.
        "monobit": float(stats.chi2.sf(((bits - size / 2) ** 2 / (size / 4)).sum(), 32)),
        # Equidistribution of bytes at each position, and of pairs of 12-bit values from consecutive numbers.
        **{
            f"byte {place}": float(stats.chisquare(np.bincount((samples >> (8 * place)) & 255, minlength=256)).pvalue)
            for place in range(4)
        },
    }
    for name, shift in (("upper", 20), ("lower", 0)):
        digits = ((samples >> shift) & 0xFFF).astype(np.int64)
        pairs = digits[0::2] * 4096 + digits[1::2]
        table = np.bincount(pairs, minlength=2**24)
        mean = pairs.size / 2**24
        dispersion = ((table - mean) ** 2 / mean).sum()
        found[f"serial {name}"] = 2 * float(stats.norm.sf(abs(dispersion - 2**24) / np.sqrt(2.0**25)))
    # Turning points.
    before, middle, after = samples[:-2], samples[1:-1], samples[2:]
    turns = (((middle > before) & (middle > after)) | ((middle < before) & (middle < after))).sum()
    deviation = (turns - 2 * (size - 2) / 3) / np.sqrt((16 * size - 29) / 90)
    found["turning points"] = 2 * float(stats.norm.sf(abs(deviation)))
    # The number of ones in 32 bits is binomial, and so is that in x ^ (the next x).
    for name, values in (("weight", samples), ("difference", samples[:-1] ^ samples[1:])):
        ones = np.bincount(np.bitwise_count(values), minlength=33)
        found[f"hamming {name}"] = chi_square(ones, stats.binom.pmf(np.arange(33), 32, 0.5) * values.size)
    # Ranks of random 32×32 matrices over GF(2).
    matrices = samples[: 32 * min(size // 32, 40_000)].reshape(-1, 32).copy()
    ranks = np.bincount(np.minimum(32 - binary_ranks(matrices), 3), minlength=4)
    law = np.array([0.2887880952, 0.5775761902, 0.1283502644, 0.0052854502])
    found["rank"] = float(stats.chisquare(ranks, law / law.sum() * ranks.sum()).pvalue)
    # Marsaglia's birthday spacings: 4096 birthdays in a year of 2³² days, Poisson with mean 4.
    birthdays = np.sort(samples[: 4096 * min(size // 4096, 5000)].reshape(-1, 4096), axis=1)
    spacings = np.sort(np.diff(birthdays, axis=1), axis=1)
    repeats = np.bincount((np.diff(spacings, axis=1) == 0).sum(1), minlength=16)
    found["birthdays"] = chi_square(repeats, stats.poisson.pmf(np.arange(repeats.size), 4) * birthdays.shape[0])
    return found


def binary_ranks(rows: np.ndarray) -> np.ndarray:
    """Ranks over GF(2) of matrices of shape (number, 32), whose rows are words."""
    ranks = np.zeros(rows.shape[0], int)
    for bit in range(32):
        has = (rows >> np.uint32(31 - bit)) & 1 == 1
        eligible = has & (np.arange(32) >= ranks[:, None])
        found = eligible.any(1)
        pivot = np.where(found, eligible.argmax(1), 0)
        at, target = np.nonzero(found)[0], ranks[found]
        rows[at, pivot[found]], rows[at, target] = rows[at, target].copy(), rows[at, pivot[found]].copy()
        base = rows[at, target]
        clear = ((rows[at] >> np.uint32(31 - bit)) & 1 == 1) & (np.arange(32) > target[:, None])
        rows[at] ^= np.where(clear, base[:, None], np.uint32(0))
        ranks += found
    return ranks


def test_raw_stream() -> None:
    for name, pvalue in battery(raw_draws(2**14, 64)).items():
        assert pvalue > SIGNIFICANCE, name


@pytest.mark.slow
def test_raw_stream_at_length() -> None:
    """10⁸ draws, in pieces; the p-values of each test over the pieces are uniform, and none is extreme."""
    pieces = [battery(raw_draws(2**16, 256, start=piece * 2**16)) for piece in range(6)]
    for name in pieces[0]:
        pvalues = [piece[name] for piece in pieces]
        assert min(pvalues) > SIGNIFICANCE / 100, name
        assert stats.combine_pvalues(pvalues).pvalue > SIGNIFICANCE, name
