"""Connection rules: the definition of their random draws, golden vectors, and what the rules guarantee."""

import functools
import hashlib
import itertools
import json
from collections import Counter
from importlib import resources
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests import connect_model as model

import brainevent
from brainevent import DTypeError, MathError, connect
from brainevent_core import sampling
from brainevent_core.testing.numerics import x64

VECTORS = json.loads(resources.files("brainevent_core.testing").joinpath("connect_vectors.json").read_text())

FORMATS = ("csr", "csc", "coo", "dense", "fixed_post_num", "fixed_pre_num")
CLASSES = {
    "csr": brainevent.CSR,
    "csc": brainevent.CSC,
    "coo": brainevent.COO,
    "dense": brainevent.Dense,
    "fixed_post_num": brainevent.FixedPostNumConn,
    "fixed_pre_num": brainevent.FixedPreNumConn,
}


def arrays(matrix: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pre, post, weight) of the synapses, read from the stored arrays, so that nothing is compiled."""
    data = np.asarray(getattr(matrix.data, "mantissa", matrix.data))
    if isinstance(matrix, brainevent.Dense):
        row, col = np.nonzero(data)
        data = data[row, col]
    elif isinstance(matrix, brainevent.COO):
        row, col = matrix.row, matrix.col
    elif isinstance(matrix, brainevent.FixedNumConn):
        col = np.asarray(matrix.indices)
        row = np.repeat(np.arange(len(col)), col.shape[1])
    else:
        col, counts = matrix.indices, np.diff(matrix.indptr)
        row = np.repeat(np.arange(len(counts)), counts)
    row, col = np.ravel(row), np.ravel(col)
    if isinstance(matrix, (brainevent.CSC, brainevent.FixedPreNumConn)):
        row, col = col, row
    return row, col, np.broadcast_to(data.ravel(), row.shape)


def synapses(matrix: Any) -> list[tuple[int, int, float]]:
    """(pre, post, weight) of each synapse, sorted."""
    return sorted(zip(*(array.tolist() for array in arrays(matrix))))


def edges(matrix: Any) -> list[tuple[int, int]]:
    return [(pre, post) for pre, post, _ in synapses(matrix)]


def words(seed: int) -> tuple[int, int]:
    return seed % 2**64 >> 32, seed % 2**32


# -- golden vectors ----------------------------------------------------------------------------------------------------


def check(vector: dict[str, Any], matrix: Any, by_post: bool = False) -> None:
    start = (vector["rows"] or [0])[0]
    found = [(pre + start * (not by_post), post + start * by_post) for pre, post in edges(matrix)]
    if by_post:
        found.sort(key=lambda edge: edge[::-1])
    assert len(found) == vector["synapses"]
    assert [list(edge) for edge in found[:5]] == vector["first"]
    assert hashlib.sha256(np.array(found, "<u4").T.tobytes()).hexdigest() == vector["digest"]


@pytest.mark.parametrize("vector", VECTORS["rules"], ids=lambda vector: f"{vector['rule']}-{vector['arguments']}")
def test_rules_give_the_golden_vectors(vector: dict[str, Any]) -> None:
    by_post = vector["rule"] == "fixed_indegree"
    block = {"columns" if by_post else "rows": vector["rows"]}
    rule = getattr(connect, vector["rule"])
    options = {**vector["options"], **block, "seed": vector["seed"]}
    for name in ("csc" if by_post else "csr", "coo"):
        check(vector, rule(*vector["arguments"], **options, format=name), by_post)


@pytest.mark.parametrize("vector", VECTORS["distance"], ids=lambda vector: f"{vector['radius']}-{vector['periodic']}")
def test_distance_gives_the_golden_vectors(vector: dict[str, Any]) -> None:
    pre, post = map(np.array, vector["arguments"])
    options = {name: vector[name] for name in ("radius", "periodic", "seed", "rows")} | vector["options"]
    check(vector, connect.distance(pre, post, lambda d: 0.5 / (1 + d / 64), **options))
    kernel = lambda d: 0.5 / (1 + d.to_decimal(u.um) / 64)  # noqa: E731
    for name in ("radius", "periodic"):
        options[name] = None if vector[name] is None else vector[name] * u.um
    check(vector, connect.distance(pre * u.um, post * u.um, kernel, **options))


@pytest.mark.parametrize("vector", VECTORS["weights"], ids=lambda vector: str(vector["seed"]))
def test_weights_are_those_of_the_golden_vectors(vector: dict[str, Any]) -> None:
    def drawn(weight: Any) -> np.ndarray:
        matrix = connect.all_to_all(vector["rows"], vector["columns"], weight=weight, seed=vector["seed"])
        return np.asarray(matrix.data)

    with x64(True):
        assert (drawn(connect.Uniform(0.0, 2.0**33)) == vector["doubled_words"]).all()
        for name, weight in (
            ("normal", connect.Normal(2.0, 0.5)),
            ("truncated", connect.Normal(2.0, 0.5, low=1.5, high=2.25)),
            ("log_normal", connect.LogNormal(2.0, 0.5)),
        ):
            np.testing.assert_allclose(drawn(weight), vector[name], rtol=1e-12)
    assert drawn(connect.Normal(2.0, 0.5)).dtype == np.float32


@pytest.mark.parametrize("vector", VECTORS["delays"], ids=lambda vector: str(vector["seed"]))
def test_delays_are_those_of_the_golden_vectors(vector: dict[str, Any]) -> None:
    n_pre, n_post, seed = vector["rows"], vector["columns"], vector["seed"]
    of_model = model.probabilities(words(seed), [(i, j) for i in range(n_pre) for j in range(n_post)], model.DELAYS)
    for name, distribution, quantile in (
        ("uniform", connect.Uniform(1, 400), lambda p: 1 + 399 * p),
        ("truncated", connect.Normal(15.0, 7.5, low=1.0), lambda p: model.normal(p, 15.0, 7.5, low=1.0)),
    ):
        assert [round(quantile(p)) for p in of_model] == vector[name]
        matrix = connect.all_to_all(n_pre, n_post, delay=distribution, seed=seed)
        assert matrix.delay.tolist() == vector[name]
        # A block of rows has the same delays as in the whole matrix, with the same dtype.
        block = connect.all_to_all(n_pre, n_post, delay=distribution, seed=seed, rows=(1, 2))
        assert block.delay.tolist() == vector[name][n_post : 2 * n_post]
        assert block.delay.dtype == matrix.delay.dtype == (np.uint16 if name == "uniform" else np.uint8)


def test_keys_of_functions_and_the_version() -> None:
    assert VECTORS["version"] == sampling.VERSION
    for vector in VECTORS["keys"]:
        keys: list[Any] = []
        keep = lambda key, pre, post, keys=keys: keys.append(key) or 1  # noqa: E731
        connect.one_to_one(2, seed=vector["seed"], weight=keep, delay=keep)
        assert [jax.random.key_data(key).tolist() for key in keys] == [vector["key"], vector["delay_key"]]


DELAYS: dict[str, Any] = {
    "number": 3,
    "distribution": connect.Normal(15.0, 7.5, low=1.0),
    "times": brainevent.steps(connect.Uniform(0.1 * u.ms, 1.5 * u.ms), 0.1 * u.ms),
    "function": lambda key, pre, post, *distance: 1 + (7 * pre + post) % 11,
}


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("name", ["csr", "csc", "coo", "fixed_post_num", "fixed_pre_num"])
@pytest.mark.parametrize("rule", ["outdegree", "indegree", "total", "pairwise", "distance", "one_to_one", "all_to_all"])
def test_delays_stay_with_their_synapses_in_every_format(rule: str, name: str, delay: str) -> None:
    """Each rule has its own order of synapses, and the delays of a block are a slice of those of the whole matrix."""
    places = np.arange(12.0)[:, None]
    of_rule: dict[str, Any] = {
        "outdegree": lambda **options: connect.fixed_outdegree(12, 12, 4, **options),
        "indegree": lambda **options: connect.fixed_indegree(12, 12, 4, **options),
        "total": lambda **options: connect.fixed_total_number(12, 12, 40, **options),
        "pairwise": lambda **options: connect.pairwise_bernoulli(12, 12, 0.3, **options),
        "distance": lambda **options: connect.distance(places, places, lambda d: 0.9 / (1 + d), **options),
        "one_to_one": lambda **options: connect.one_to_one(12, **options),
        "all_to_all": lambda **options: connect.all_to_all(12, 12, **options),
    }
    draw = functools.partial(of_rule[rule], delay=DELAYS[delay], seed=5)
    base = delays_of(draw(format="coo"))
    try:
        matrix = draw(format=name)
    except MathError as error:
        assert "same number of synapses" in str(error)  # noqa: PT017
        return
    assert delays_of(matrix) == base
    block = {"columns" if rule == "indegree" else "rows": (3, 9)}
    within = [(i, j) for i, j in base if 3 <= (j if rule == "indegree" else i) < 9]
    part = delays_of(draw(format="coo", **block))
    shift = (0, 3) if rule == "indegree" else (3, 0)
    assert {(i + shift[0], j + shift[1]): d for (i, j), d in part.items()} == {at: base[at] for at in within}
    if delay == "function":
        assert all(d == 1 + (7 * i + j) % 11 for (i, j), d in base.items())


def delays_of(matrix: Any) -> dict[tuple[int, int], int]:
    """The delay of each synapse; there is at most one per pair."""
    coo = matrix.tocoo()
    steps = np.broadcast_to(np.asarray(coo.delay), coo.row.shape)
    return {(int(i), int(j)): int(d) for i, j, d in zip(coo.row, coo.col, steps, strict=True)}


def test_both_synapses_of_a_symmetric_pair_have_one_delay() -> None:
    matrix = connect.pairwise_bernoulli(20, 20, 0.3, symmetric=True, delay=connect.Uniform(1, 200), seed=2)
    found = delays_of(matrix)
    assert len(set(found.values())) > 20
    assert all(found[j, i] == d for (i, j), d in found.items())
    part = connect.pairwise_bernoulli(20, 20, 0.3, symmetric=True, delay=connect.Uniform(1, 200), seed=2, rows=(7, 11))
    assert {(i + 7, j): d for (i, j), d in delays_of(part).items()} == {
        (i, j): d for (i, j), d in found.items() if 7 <= i < 11
    }


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("autapses", [False, True])
def test_random_cases_are_those_of_the_model(rng: np.random.Generator, autapses: bool, multapses: bool) -> None:
    """All proportions of partners and pairs, from none to all."""
    for _ in range(3):
        seed, n = int(rng.integers(2**63)), int(rng.integers(2, 30))
        options = {"allow_autapses": autapses, "allow_multapses": multapses}
        kept = {"multapses": multapses, "autapses": autapses}
        for degree in {0, 1, (n - 1) // 2, n // 2, n - 1, n - (not autapses)}:
            rows = [[(i, j) for j in model.partners(words(seed), i, n, degree, **kept)] for i in range(n)]
            expected = sorted(itertools.chain(*rows))
            assert edges(connect.fixed_outdegree(n, n, degree, seed=seed, **options)) == expected
            turned = sorted((post, pre) for pre, post in expected)
            assert edges(connect.fixed_indegree(n, n, degree, seed=seed, **options)) == turned
        most = n * (n - (not autapses))
        for number in {0, 1, most // 3, most // 2, most - 1, most}:
            expected = model.pairs(words(seed), n, n, number, **kept)
            assert edges(connect.fixed_total_number(n, n, number, seed=seed, **options)) == expected
        prob = float(rng.uniform())
        expected = model.bernoulli(words(seed), n, n, prob, autapses)
        assert edges(connect.pairwise_bernoulli(n, n, prob, seed=seed, allow_autapses=autapses)) == expected


@pytest.mark.parametrize("vector", VECTORS["partners"], ids=lambda vector: str(vector["partners"]))
def test_many_partners(vector: dict[str, Any]) -> None:
    """As the classes with a fixed number of synapses draw them if indices have 64 bits."""
    seed, start, n = np.array(vector["seed"], np.uint32), vector["row"], vector["partners"]
    (found,) = sampling.draw_partners(seed, (start, start + 1), n, 5).tolist()
    assert found == vector["numbers"]
    several = sampling.draw_partners(seed, (start - 9, start + 1), n, 40).tolist()
    assert several == [
        model.partners(tuple(vector["seed"]), row, n, 40, False, True) for row in range(start - 9, start + 1)
    ]


def test_too_many_partners() -> None:
    for rows, partners in (((0, 1), 2**63), ((2**32, 2**32 + 1), 100)):
        with pytest.raises(MathError, match="at most 2\\*\\*32 neurons"):
            sampling.draw_partners(np.array([1, 2], np.uint32), rows, partners, 40)


# -- properties of all rules -------------------------------------------------------------------------------------------

PLACES = np.random.default_rng(1).uniform(size=(24, 2)) * 100 * u.um
PROFILE = connect.GaussianProfile(30 * u.um, 0.8)


def _distance(n_pre: int, n_post: int, **options: Any) -> Any:
    return connect.distance(PLACES[:n_pre], PLACES[:n_post], PROFILE, **options)


#: A rule with given numbers of neurons; whether its rows are postsynaptic; its options autapses, multapses, symmetric.
RULES: dict[str, tuple[Any, bool, str]] = {
    "one_to_one": (lambda n_pre, n_post, **options: connect.one_to_one(n_pre, **options), False, ""),
    "all_to_all": (connect.all_to_all, False, "as"),
    "pairwise_bernoulli": (
        lambda n_pre, n_post, **options: connect.pairwise_bernoulli(n_pre, n_post, 0.3, **options),
        False,
        "as",
    ),
    "fixed_outdegree": (
        lambda n_pre, n_post, **options: connect.fixed_outdegree(n_pre, n_post, 6, **options),
        False,
        "am",
    ),
    "fixed_indegree": (
        lambda n_pre, n_post, **options: connect.fixed_indegree(n_pre, n_post, 6, **options),
        True,
        "am",
    ),
    "fixed_total_number": (
        lambda n_pre, n_post, **options: connect.fixed_total_number(n_pre, n_post, 150, **options),
        False,
        "am",
    ),
    "distance": (_distance, False, "as"),
    "distance within a radius": (
        lambda n_pre, n_post, **options: _distance(n_pre, n_post, radius=40 * u.um, periodic=100 * u.um, **options),
        False,
        "as",
    ),
}
WITH = {"a": {"allow_autapses": False}, "m": {"allow_multapses": True}, "s": {"symmetric": True}}
CASES = [
    pytest.param(rule, by_post, options, id=f"{name}-{','.join(options) or 'plain'}")
    for name, (rule, by_post, takes) in RULES.items()
    for options in ({}, *(WITH[letter] for letter in takes))
]


@pytest.mark.parametrize(("rule", "by_post", "options"), CASES)
def test_a_block_of_rows_is_the_slice_of_the_whole(
    rng: np.random.Generator, rule: Any, by_post: bool, options: dict[str, bool]
) -> None:
    weight = lambda key, pre, post, *distance: 1.0 + pre + 100.0 * post + sum(d.to_decimal(u.um) for d in distance)  # noqa: E731
    for weighted in (connect.Normal(5.0, 1.0), weight):
        seed = int(rng.integers(2**31))
        whole = synapses(rule(24, 24, seed=seed, weight=weighted, **options))
        cuts = [0, *sorted(rng.integers(25, size=3).tolist()), 24]
        for start, stop in itertools.pairwise(cuts):
            block: Any = (start, stop) if rng.uniform() < 0.5 else slice(start, stop)
            part = rule(24, 24, seed=seed, weight=weighted, **options, **{"columns" if by_post else "rows": block})
            assert part.shape == ((24, stop - start) if by_post else (stop - start, 24))
            offset = (0, start) if by_post else (start, 0)
            inside = [each for each in whole if start <= each[by_post] < stop]
            assert [(i + offset[0], j + offset[1], w) for i, j, w in synapses(part)] == inside


@pytest.mark.parametrize(("rule", "by_post", "options"), CASES)
def test_every_format_has_the_same_synapses(seed: int, rule: Any, by_post: bool, options: dict[str, bool]) -> None:
    weight = connect.Uniform(1 * u.nS, 2 * u.nS)
    matrix = rule(24, 24, seed=seed, weight=weight, **options)
    expected = synapses(matrix)
    assert isinstance(matrix, brainevent.CSR)
    assert matrix.unit == u.nS
    degrees = [Counter(edge[side] for edge in expected) for side in (0, 1)]
    for name in FORMATS:
        side = {"fixed_post_num": 0, "fixed_pre_num": 1}.get(name)
        if side is not None and len({degrees[side][neuron] for neuron in range(24)}) > 1:
            with pytest.raises(MathError, match="same number of synapses for each neuron"):
                rule(24, 24, seed=seed, weight=weight, format=name, **options)
            continue
        found = rule(24, 24, seed=seed, weight=weight, format=name, **options)
        assert type(found) is CLASSES[name]
        assert found.unit == u.nS
        if name == "dense" and options == WITH["m"]:
            added = Counter()
            for pre, post, value in expected:
                added[pre, post] += value
            assert edges(found) == sorted(added)
            sums = [added[at] for at in sorted(added)]
            np.testing.assert_allclose([value for *_, value in synapses(found)], sums, rtol=1e-6)
        else:
            assert synapses(found) == expected


@pytest.mark.parametrize(("rule", "by_post", "options"), CASES)
def test_autapses_multapses_and_symmetry_are_as_asked(
    seed: int, rule: Any, by_post: bool, options: dict[str, bool]
) -> None:
    found = synapses(rule(24, 24, seed=seed, weight=connect.Normal(5.0, 1.0), **options))
    pairs = [(pre, post) for pre, post, _ in found]
    assert found
    assert pairs != edges(rule(24, 24, seed=seed + 1, **options)) or len(found) in (24, 552, 576)  # nothing random
    if "allow_autapses" in options:
        assert all(pre != post for pre, post in pairs)
    assert (len(set(pairs)) < len(pairs)) == ("allow_multapses" in options)
    if "symmetric" in options:
        assert sorted((post, pre, weight) for pre, post, weight in found) == found
        plain = edges(rule(24, 24, seed=seed))
        assert [edge for edge in pairs if edge[0] <= edge[1]] == [edge for edge in plain if edge[0] <= edge[1]]


@pytest.mark.parametrize("name", [name for name in RULES if name != "one_to_one"])
def test_what_is_for_one_population_refuses_two(name: str) -> None:
    rule, _, takes = RULES[name]
    for letter in takes.replace("m", ""):
        with pytest.raises(MathError, match="n_pre=24 and n_post=20"):
            rule(24, 20, **WITH[letter])
    assert rule(24, 20).shape == (24, 20)


# -- statistics, at fixed seeds ----------------------------------------------------------------------------------------


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    """The p-value; outcomes that are expected less than five times are pooled."""
    from scipy.stats import chisquare

    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if not expected[-1]:
        observed, expected = observed[:-1], expected[:-1]
    return float(chisquare(observed, expected * observed.sum() / expected.sum()).pvalue)


def degrees(matrix: Any, side: int) -> np.ndarray:
    return np.bincount(arrays(matrix)[side], minlength=matrix.shape[side])


def test_degrees_have_their_distributions() -> None:
    from scipy.stats import binom, hypergeom

    n_pre, n_post, degree = 600, 400, 40
    out = connect.fixed_outdegree(n_pre, n_post, degree, seed=1)
    assert (degrees(out, 0) == degree).all()
    multiple = connect.fixed_indegree(n_pre, n_post, degree, seed=2, allow_multapses=True, format="csc")
    assert (degrees(multiple, 1) == degree).all()
    pairwise = connect.pairwise_bernoulli(n_pre, n_post, 0.07, seed=3)
    total = connect.fixed_total_number(n_pre, n_post, 20_000, seed=4)
    assert total.nse == 20_000
    independent = connect.fixed_total_number(n_pre, n_post, 20_000, seed=5, allow_multapses=True)
    assert independent.nse == 20_000
    for matrix, side, law in (
        (out, 1, binom(n_pre, degree / n_post)),
        (multiple, 0, binom(n_post * degree, 1 / n_pre)),
        (pairwise, 0, binom(n_post, 0.07)),
        (pairwise, 1, binom(n_pre, 0.07)),
        (total, 0, hypergeom(n_pre * n_post, n_post, 20_000)),
        (total, 1, hypergeom(n_pre * n_post, n_pre, 20_000)),
        (independent, 0, binom(20_000, 1 / n_pre)),
        (independent, 1, binom(20_000, 1 / n_post)),
    ):
        values = degrees(matrix, side)
        outcomes = np.arange(values.max() + 50)
        assert chi_square(np.bincount(values, minlength=len(outcomes)), law.pmf(outcomes) * len(values)) > 1e-3


@pytest.mark.parametrize("degree", [2, 4])
def test_every_set_of_partners_is_equally_likely(degree: int) -> None:
    """With few partners drawn, and with few left out; also without autapses."""
    matrix = connect.fixed_outdegree(20_000, 6, degree, seed=6)
    sets = Counter(map(tuple, np.reshape(matrix.indices, (-1, degree)).tolist()))
    expected = list(itertools.combinations(range(6), degree))
    assert set(sets) == set(expected)
    observed = np.array([sets[each] for each in expected])
    assert chi_square(observed, np.full(len(expected), 20_000 / len(expected))) > 1e-3
    counts = np.zeros((7, 7))
    for seed in range(300):
        counts[arrays(connect.fixed_outdegree(7, 7, degree, seed=seed, allow_autapses=False))[:2]] += 1
    off = counts[~np.eye(7, dtype=bool)]
    assert not counts.trace()
    assert chi_square(off, np.full(42, 50.0 * degree)) > 1e-3


def test_distance_connects_by_its_probability() -> None:
    line = np.arange(400.0)
    found = np.zeros((400, 400))
    profile = connect.LinearProfile(100.0, 0.5)
    found[arrays(connect.distance(line, line, profile, periodic=400.0, seed=7))[:2]] = 1
    apart = np.abs(line[:, None] - line)
    apart = np.minimum(apart, 400 - apart)
    for low in range(0, 200, 20):
        inside = (apart >= low) & (apart < low + 20)
        probability = np.maximum(0.5 * (1 - apart[inside] / 100), 0)
        spread = np.sqrt((probability * (1 - probability)).sum())
        assert abs(found[inside].sum() - probability.sum()) <= 4 * spread


@pytest.mark.parametrize("periodic", [None, 8.0, [8.0, 0.0]])
@pytest.mark.parametrize("radius", [0.0, 1.0, 3.0, 4.0])
def test_a_radius_takes_the_pairs_within_it(rng: np.random.Generator, radius: float, periodic: Any) -> None:
    """On a grid, there are pairs exactly at the radius. Some positions are outside of the box."""
    for pre, post in (
        (rng.integers(-2, 12, (30, 2)).astype(float), rng.integers(-2, 12, (40, 2)).astype(float)),
        (rng.uniform(-2, 12, (30, 2)), rng.uniform(-2, 12, (40, 2))),
    ):
        apart = np.abs(pre[:, None] - post)
        for axis, length in enumerate(np.broadcast_to(0.0 if periodic is None else periodic, 2)):
            if length:
                apart[..., axis] = np.minimum(apart[..., axis] % length, -apart[..., axis] % length)
        expected = np.argwhere(np.sqrt((apart**2).sum(-1)) <= radius)
        found = edges(connect.distance(pre, post, 1.0, radius=radius, periodic=periodic))
        assert found == list(map(tuple, expected.tolist()))


def test_weights_have_their_distributions() -> None:
    from scipy.stats import kstest, lognorm, norm, truncnorm

    sigma = np.sqrt(np.log1p(0.25))
    for weight, law in (
        (connect.Normal(2.0, 0.5), norm(2, 0.5)),
        (connect.Normal(0.0, 1.0, low=3.0), truncnorm(3, np.inf)),
        (connect.Normal(0.0, 1.0, low=-0.5, high=2.0), truncnorm(-0.5, 2)),
        (connect.LogNormal(2.0, 1.0), lognorm(sigma, scale=2 / np.sqrt(1.25))),
        (connect.Uniform(-1.0, 3.0), lambda x: (x + 1) / 4),
    ):
        data = np.asarray(connect.fixed_outdegree(100, 200, 50, weight=weight, seed=8).data)
        assert len(data) == 5000
        assert kstest(data, law if callable(law) and not hasattr(law, "cdf") else law.cdf).pvalue > 1e-3


# -- weights -----------------------------------------------------------------------------------------------------------


def test_weights_of_every_kind() -> None:
    def data(weight: Any, **options: Any) -> Any:
        return connect.fixed_outdegree(4, 6, 3, weight=weight, seed=0, **options).data

    each = np.arange(12.0)
    assert data(0.5).shape == ()
    assert data(np.float32([2])).shape == ()
    assert data(2 * u.mV).unit == u.mV
    np.testing.assert_array_equal(data(each), each)
    np.testing.assert_array_equal(data(each.reshape(4, 3)), each)
    np.testing.assert_array_equal(data(each.reshape(4, 3), format="fixed_post_num"), each.reshape(4, 3))
    np.testing.assert_array_equal(data(jnp.arange(12) * u.nS).mantissa, each)
    assert data(connect.Normal(1 * u.nS, 1e-4 * u.uS)).unit == u.nS
    assert data(connect.Normal(3 * u.nS, 0 * u.nS)).mantissa.tolist() == [3.0] * 12
    bounded = data(connect.Normal(1 * u.nS, 5 * u.nS, low=5e-4 * u.uS, high=2 * u.nS)).mantissa
    assert ((bounded >= 0.5) & (bounded <= 2)).all()
    assert len(set(bounded.tolist())) == 12
    assert (data(connect.LogNormal(1.0, 5.0, high=2.0)) <= 2).all()
    assert data(lambda key, pre, post: 7.0).tolist() == 7
    drawn = data(lambda key, pre, post: jax.random.uniform(key, pre.shape) * u.mS)
    assert drawn.unit == u.mS
    seen: list[Any] = []
    matrix = connect.fixed_indegree(5, 4, 2, weight=lambda *given: seen.extend(given) or 1.0, seed=1, columns=(1, 4))
    _, pre, post = seen
    assert pre.dtype == post.dtype == np.int32
    assert post.tolist() == [1, 1, 2, 2, 3, 3]
    assert sorted(zip(pre.tolist(), (post - 1).tolist())) == edges(matrix)


def test_an_array_of_weights_is_in_the_order_of_the_rule() -> None:
    ordered = connect.fixed_indegree(9, 5, 3, weight=np.arange(15.0), seed=2)
    by_post = sorted(synapses(ordered), key=lambda synapse: (synapse[1], synapse[0]))
    assert [weight for *_, weight in by_post] == list(range(15))


def test_weights_by_distance() -> None:
    profile = connect.ExponentialProfile(20 * u.um, 3 * u.nS)
    matrix = connect.distance(PLACES, PLACES[:10], PROFILE, weight=profile, seed=3)
    by_function = connect.distance(PLACES, PLACES[:10], PROFILE, weight=lambda key, pre, post, d: profile(d), seed=3)
    assert synapses(matrix) == synapses(by_function)
    assert matrix.unit == u.nS
    places = PLACES.to_decimal(u.um)
    for pre, post, weight in synapses(matrix):
        assert weight == pytest.approx(3 * np.exp(-np.linalg.norm(places[pre] - places[post]) / 20), rel=1e-6)


def test_rules_work_inside_of_jit_with_traced_weights() -> None:
    def total(weight: Any) -> Any:
        return connect.fixed_indegree(6, 4, 2, weight=weight, seed=0).data.sum()

    np.testing.assert_array_equal(jax.jit(jax.grad(total))(jnp.arange(8.0)), np.ones(8))


# -- degrees and the classes with a fixed number -----------------------------------------------------------------------


def test_degrees_of_matrices() -> None:
    row, col = np.array([0, 0, 2, 2, 5, -1]), np.array([1, 1, 0, 7, 1, 2])
    coo = brainevent.COO(0.0, row, col, shape=(3, 4), check=False)
    assert coo.out_degrees().tolist() == [2, 0, 1]
    assert coo.in_degrees().tolist() == [1, 2, 0, 0]
    assert coo.T.out_degrees().tolist() == [1, 2, 0, 0]
    dense = brainevent.Dense(jnp.array([[0.0, 1.0, 0.0], [2.0, 3.0, 0.0]]) * u.mV)
    assert dense.out_degrees().tolist() == [1, 2]
    assert dense.in_degrees().tolist() == [1, 2, 0]
    assert jax.jit(lambda matrix: matrix.in_degrees())(coo).dtype == jnp.int32
    for name in FORMATS[:5]:
        several = connect.fixed_outdegree(4, 3, 5, allow_multapses=True, seed=0, format=name)
        if name != "dense":  # which sums them
            assert several.out_degrees().tolist() == [5] * 4
            assert several.in_degrees().tolist() == degrees(several, 1).tolist()


def test_degrees_of_generated_matrices() -> None:
    generated = brainevent.JITCScalarR(0.5, 0.3, 4, shape=(7, 9))
    stored = connect.pairwise_bernoulli(7, 9, 0.3, seed=4)
    assert generated.out_degrees().tolist() == generated.T.in_degrees().tolist() == degrees(stored, 0).tolist()
    assert generated.in_degrees().tolist() == degrees(stored, 1).tolist()


def test_the_classes_with_a_fixed_number_draw_by_the_same_rule(seed: int) -> None:
    sizes = {"num_pre": 30, "num_post": 20, "conn_num": 6, "weight": 1.0, "seed": seed}
    post = connect.fixed_outdegree(30, 20, 6, seed=seed, format="fixed_post_num")
    assert edges(brainevent.FixedPostNumConn(**sizes)) == edges(post)
    pre = connect.fixed_indegree(30, 20, 6, seed=seed, format="fixed_pre_num")
    assert edges(brainevent.FixedPreNumConn(**sizes)) == edges(pre)


# -- edge cases and errors ---------------------------------------------------------------------------------------------


def test_nothing_to_connect() -> None:
    nowhere = np.zeros((0, 2))
    for matrix in (
        connect.one_to_one(0),
        connect.all_to_all(0, 4),
        connect.all_to_all(4, 0, weight=connect.Normal(1.0, 1.0)),
        connect.all_to_all(1, 1, allow_autapses=False),
        connect.pairwise_bernoulli(5, 0, 0.5),
        connect.pairwise_bernoulli(5, 5, 0.0, symmetric=True),
        connect.fixed_outdegree(0, 0, 0),
        connect.fixed_outdegree(0, 0, 3, allow_autapses=False),
        connect.fixed_indegree(3, 0, 3, format="fixed_pre_num"),
        connect.fixed_outdegree(3, 3, 2, rows=(1, 1), weight=connect.Uniform(0.0, 1.0)),
        connect.fixed_total_number(0, 5, 0, format="csc"),
        connect.distance(nowhere, np.ones((3, 2)), 0.5),
        connect.distance(np.ones((3, 2)), nowhere, 0.5, radius=1.0),
        connect.distance(nowhere, nowhere, 0.5, radius=1.0),
    ):
        assert matrix.nse == 0
        assert edges(matrix) == []


ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: connect.fixed_outdegree(4, 3, 4), MathError, "degree=4 is more than the 3 postsynaptic neurons"),
    (lambda: connect.fixed_indegree(4, 4, 4, allow_autapses=False), MathError, "3 presynaptic neurons"),
    (lambda: connect.fixed_outdegree(4, 0, 1, allow_multapses=True), MathError, "0 postsynaptic"),
    (lambda: connect.fixed_outdegree(4, 3, -1), MathError, "degree must be between 0 and"),
    (lambda: connect.fixed_outdegree(4.5, 3, 1), MathError, "n_pre must be a whole number, got 4.5"),
    (lambda: connect.fixed_outdegree(2**31, 3, 1), MathError, "n_pre must be between 0 and 2147483647"),
    (lambda: connect.fixed_total_number(3, 3, 10), MathError, "number=10 is more than the 9 pairs"),
    (lambda: connect.fixed_total_number(3, 3, 7, allow_autapses=False), MathError, "the 6 pairs"),
    (lambda: connect.pairwise_bernoulli(3, 3, 1.5), MathError, "prob must be between 0 and 1"),
    (lambda: connect.pairwise_bernoulli(3, 3, "a"), DTypeError, "prob must be a number"),
    (lambda: connect.one_to_one(3, seed=0.5), DTypeError, "seed must be a whole number"),
    (lambda: connect.one_to_one(3, seed=[[1, 2], [3, 4]]), DTypeError, "one seed, got several"),
    (lambda: jax.jit(lambda seed: connect.one_to_one(3, seed=seed).data)(1), MathError, "not a traced one"),
    (lambda: connect.one_to_one(3, format="bsr"), MathError, "format must be one of 'csr', .*, got 'bsr'"),
    (lambda: connect.one_to_one(3, rows=(1, 4)), MathError, "0 <= start <= stop <= 3.*got \\(1, 4\\)"),
    (lambda: connect.one_to_one(3, rows=slice(0, 3, 2)), MathError, "slice whose step is 1"),
    (lambda: connect.one_to_one(3, weight=np.ones(4)), MathError, "makes 3 synapses.*got shape \\(4,\\)"),
    (lambda: connect.one_to_one(3, delay=connect.Normal(1.0, 3.0), seed=0), MathError, "at least one step"),
    (lambda: connect.one_to_one(3, delay=0), MathError, "at least one step, got 0"),
    (lambda: connect.one_to_one(3, delay=1.5), DTypeError, "whole steps"),
    (lambda: connect.one_to_one(3, delay=2 * u.ms), DTypeError, "a quantity in ms"),
    (lambda: connect.one_to_one(3, delay=connect.Uniform(1 * u.ms, 2 * u.ms)), DTypeError, "times in ms"),
    (
        lambda: connect.one_to_one(3, delay=lambda key, pre, post: np.ones(3)),
        DTypeError,
        "the function delay gives float64",
    ),
    (lambda: connect.one_to_one(3, delay=[1, 2]), MathError, "one delay for all or an array"),
    (lambda: connect.one_to_one(3, delay=2, format="dense"), MathError, "no delays"),
    (lambda: connect.all_to_all(3, 3, symmetric=True, delay=np.ones(9, int)), MathError, "one delay"),
    (lambda: connect.one_to_one(3, weight=lambda key, pre, post: np.ones(2)), MathError, "the function weight"),
    (lambda: connect.one_to_one(3, weight=PROFILE), MathError, "only connect.distance has"),
    (lambda: connect.all_to_all(3, 3, weight=np.ones(6), symmetric=True), MathError, "an array has one for each"),
    (lambda: connect.Normal(1.0, -1.0), MathError, "std >= 0"),
    (lambda: connect.Normal(1.0, 1.0, low=2.0, high=1.0), MathError, "nothing between low=2.0 and high=1.0"),
    (lambda: connect.Normal(0.0, 1.0, low=100.0), MathError, "nothing between"),
    (lambda: connect.Normal(0.0, 0.0, low=1.0), MathError, "nothing between"),
    (lambda: connect.Normal([1.0, 2.0], 1.0), DTypeError, "mean must be one number"),
    (lambda: connect.Normal(1 * u.nS, 1.0), u.UnitMismatchError, "std is given without a unit, and mean in nS"),
    (lambda: connect.Uniform(1.0, 1 * u.nS), u.UnitMismatchError, "high is given in nS, and low without a unit"),
    (lambda: connect.LogNormal(-1.0, 1.0), MathError, "positive mean"),
    (lambda: connect.Uniform(2.0, 1.0), MathError, "low <= high"),
    (lambda: connect.Uniform(2.0, float("nan")), MathError, "nan"),
    (lambda: connect.distance(np.ones((3, 2)), np.ones((3, 3)), 0.5), MathError, "same number of dimensions"),
    (lambda: connect.distance(np.ones((3, 2, 1)), np.ones((3, 2)), 0.5), MathError, "positions_pre must have"),
    (lambda: connect.distance(np.ones(3), np.full(3, np.nan), 0.5), MathError, "positions_post must hold finite"),
    (
        lambda: connect.distance(np.ones(3), np.ones(3) * u.um, 0.5),
        u.UnitMismatchError,
        "positions_post is given in um",
    ),
    (
        lambda: connect.distance(np.ones(3) * u.um, np.ones(3) * u.um, 0.5, radius=3.0),
        u.UnitMismatchError,
        "radius is given without a unit",
    ),
    (lambda: connect.distance(np.ones(3), np.ones(3), 0.5, radius=-1.0), MathError, "radius must be one length"),
    (lambda: connect.distance(np.ones(3), np.ones(3), 0.5, periodic=-1.0), MathError, "periodic must be one"),
    (lambda: connect.distance(np.ones(3), np.ones(3), 1.5), MathError, "between 0 and 1, got 1.5"),
    (lambda: connect.distance(np.ones(3), np.ones(3), lambda d: d[:2]), MathError, "one probability for each"),
    (lambda: connect.distance(np.ones(3), np.ones(3), connect.GaussianProfile(0.0)), MathError, "sigma must be"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_given(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_without_a_seed_one_is_drawn() -> None:
    assert edges(connect.fixed_outdegree(20, 50, 10)) != edges(connect.fixed_outdegree(20, 50, 10))
