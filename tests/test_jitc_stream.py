"""The stream of just-in-time connectivity: the specification, its golden vectors, and all implementations."""

import hashlib
import itertools
import json
import math
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from tests import jitc_model as model

import brainevent
from brainevent_core import jitc
from brainevent_core.encodings import BINARY
from brainevent_core.jitc import SCALAR, ConnectionRule
from brainevent_core.primitives import jitc_matmul_p, jitc_to_coo_p, jitc_to_dense_p
from brainevent_core.testing.numerics import x64

VECTORS = json.loads(resources.files("brainevent_core.testing").joinpath("jitc_vectors.json").read_text())
BACKENDS = ("reference", "numba")


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint32)


def digest(numbers: Any) -> str:
    return hashlib.sha256(np.asarray(numbers).astype("<u4").tobytes()).hexdigest()


def test_version() -> None:
    assert VECTORS["version"] == jitc.VERSION


@pytest.mark.parametrize("vector", VECTORS["keys"])
def test_keys(vector: dict[str, Any]) -> None:
    seed, line, block = words(*vector["seed"]), words(vector["line"]), words(vector["block"])
    assert [int(word[0]) for word in jitc.block_keys(seed[:, None], line, block)] == vector["key"]
    assert list(model.threefry(tuple(vector["seed"]), (vector["line"], vector["block"]))) == vector["key"]
    # jax.random uses the same generator.
    assert threefry_2x32(jnp.asarray(seed), jnp.asarray(np.concatenate([line, block]))).tolist() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["draws"])
def test_draws(vector: dict[str, Any]) -> None:
    key0, key1 = (words(word) for word in vector["key"])
    assert jitc.draw(key0, key1, words(vector["counter"])).tolist() == [vector["draw"]]
    assert model.draw(tuple(vector["key"]), vector["counter"]) == vector["draw"]


@pytest.mark.parametrize("vector", VECTORS["tables"], ids=lambda vector: str(vector["prob"]))
def test_tables(vector: dict[str, Any]) -> None:
    prob = vector["prob"]
    tables = jitc.gap_tables(prob)
    assert jitc.block_size(prob) == vector["block"] == model.block_size(prob)
    assert [digest(table) for table in tables] == vector["levels"]
    assert tables[:, :3].tolist() == vector["first_entries"]
    assert [[threshold * model.base(prob) + alias for threshold, alias in table] for table in model.tables(prob)] == (
        tables.tolist()
    )


@pytest.mark.parametrize("prob", [1e-12, 1e-5, 9e-4, 1 / 1024, 0.001, 0.0039, 1 / 256, 0.01, 0.1, 0.5, 0.9])
def test_tables_hold_the_geometric_law(prob: float) -> None:
    """The cells of a table assign all 2³² draws to outcomes, each of which is within one draw of the geometric law."""
    tables = jitc.gap_tables(prob).astype(np.int64)
    cells = jitc.cells(prob)
    for level, table in enumerate(tables):
        threshold, alias = np.divmod(table, cells)
        given = np.bincount(np.arange(cells), threshold, cells)
        given += np.bincount(alias, 2**32 // cells - threshold, cells)
        assert given.sum() == 2**32
        log_q = math.log1p(-prob) * float(cells) ** (len(tables) - 1 - level)
        reached = -np.expm1(log_q * np.arange(cells + 1))
        if level == 0:
            reached[-1] = 1
        np.testing.assert_allclose(given, np.diff(reached / reached[-1]) * 2.0**32, atol=1.01)


@pytest.mark.parametrize("vector", VECTORS["weights"], ids=lambda vector: str(vector["draw"]))
def test_variates(vector: dict[str, Any]) -> None:
    drawn = words(vector["draw"])
    assert jitc.UNIFORM.variate(drawn) == vector["uniform"] == model.uniform(vector["draw"])
    np.testing.assert_allclose(jitc.NORMAL.variate(drawn), vector["normal"], rtol=2.0**-20)


def test_normal_is_accurate_everywhere(rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.special")
    drawn = rng.integers(2**32, size=500_000, dtype=np.uint32)
    drawn = np.concatenate([drawn, (2 ** np.linspace(0, 31.999, 100_000)).astype(np.uint32)])
    tail = ((drawn & 0x7FFFFFFF) + 0.5) / 2.0**32
    expected = np.where(drawn >> 31, -stats.ndtri(tail), stats.ndtri(tail))
    np.testing.assert_allclose(jax.jit(jitc.NORMAL.variate)(drawn), expected, rtol=2.0**-20)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("vector", VECTORS["lines"], ids=lambda vector: str(vector["prob"]))
def test_lines(vector: dict[str, Any], backend: str) -> None:
    with brainevent.use_backend(backend):
        counts, positions, draws = jitc_to_coo_p(
            words(*vector["seed"]),
            words(vector["line"]),
            rule=ConnectionRule(SCALAR, vector["prob"]),
            shape=(1, vector["length"]),
            nse=vector["connections"] + 1,
        )
    assert counts.tolist() == [vector["connections"]]
    assert (positions[-1], draws[-1]) == (vector["length"], 0)
    assert digest(positions[:-1]) == vector["positions"]
    assert digest(draws[:-1]) == vector["draws"]
    assert positions[:-1][:5].tolist() == vector["first_positions"]
    assert draws[:-1][:5].tolist() == vector["first_draws"]


@pytest.mark.parametrize("vector", VECTORS["lines"], ids=lambda vector: str(vector["prob"]))
def test_lines_of_the_model(vector: dict[str, Any]) -> None:
    line = list(model.line(tuple(vector["seed"]), vector["line"], vector["prob"], vector["length"]))
    assert digest([position for position, _ in line]) == vector["positions"]
    assert digest([drawn for _, drawn in line]) == vector["draws"]


def network(lines: int, length: int, prob: float, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The pattern and draws of the model."""
    connected, draws = np.zeros((lines, length), bool), np.zeros((lines, length), np.uint32)
    for number in range(lines):
        for position, drawn in model.line(seed, number, prob, length):
            connected[number, position], draws[number, position] = True, drawn
    return connected, draws


# Half of the combinations of backend, jit or eager, and x64 or not, which cover all pairs; --full runs the others.
MODES = [
    pytest.param(
        *mode,
        id="-".join((mode[0], "jit" if mode[1] else "eager", "x64" if mode[2] else "x32")),
        marks=[pytest.mark.full] if (mode[0] == "numba") ^ mode[1] ^ mode[2] else [],
    )
    for mode in itertools.product(BACKENDS, (False, True), (False, True))
]


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("backend", "jitted", "wide"), MODES)
def test_every_operation_sees_one_matrix(backend: str, jitted: bool, wide: bool) -> None:
    """The pattern and draws of 9 rows with three blocks: elements, any window, several windows at once, entries, any
    range of rows, and both products with unit vectors."""
    lines, length, prob, seed = 9, 4999, 0.2, (3, 4)
    rule = ConnectionRule(SCALAR, prob)
    connected, draws = network(lines, length, prob, seed)
    maybe_jit: Any = jax.jit if jitted else lambda fn: fn
    with x64(wide), brainevent.use_backend(backend):
        key = words(*seed)

        def window(line: int, position: int, shape: tuple[int, int]) -> Any:
            return maybe_jit(lambda first: jitc_to_dense_p(key, first, rule=rule, shape=shape))(words(line, position))

        for line, position, shape in (
            (0, 0, (lines, length)),
            (2, 2047, (3, 2051)),
            (8, 4998, (1, 1)),
            (1, 100, (2, 7)),
        ):
            found = window(line, position, shape)
            part = np.s_[line : line + shape[0], position : position + shape[1]]
            np.testing.assert_array_equal(found[0], connected[part])
            np.testing.assert_array_equal(found[1], draws[part])

        several = np.array([[2, 2040], [8, 0], [0, 4980]], np.uint32)
        windows = maybe_jit(jax.vmap(lambda first: jitc_to_dense_p(key, first, rule=rule, shape=(1, 19))))(several)
        for found, elements in zip(windows, (connected, draws)):
            np.testing.assert_array_equal(found[:, 0], [elements[i, j : j + 19] for i, j in several])

        nse = int(connected[2:6].sum())
        counts, positions, drawn = jitc_to_coo_p(key, words(2), rule=rule, shape=(4, length), nse=nse)
        np.testing.assert_array_equal(counts, connected[2:6].sum(1))
        np.testing.assert_array_equal(positions, np.nonzero(connected[2:6])[1])
        np.testing.assert_array_equal(drawn, draws[2:6][connected[2:6]])

        one = np.ones(1, np.float32)
        for x, transpose, expected in (
            (np.eye(lines, dtype=bool), True, connected.T),
            (np.eye(length, 40, -2030, dtype=bool), False, connected[:, 2030:2070]),
        ):
            product = maybe_jit(
                lambda x, transpose=transpose: jitc_matmul_p(
                    one,
                    key,
                    words(0),
                    x,
                    rule=rule,
                    shape=(lines, length),
                    transpose=transpose,
                    encoding=BINARY,
                )
            )
            np.testing.assert_array_equal(product(x), expected)
            np.testing.assert_array_equal(product(x[:, 0]), expected[:, 0])


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize("prob", [0.0, 1e-5, 5e-4, 0.001, 1.0])
def test_backends_agree_in_every_mode(prob: float) -> None:
    """With one, two and three digits, over several blocks, and with none or all connected."""
    results, rule = [], ConnectionRule(SCALAR, prob)
    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            entries = jitc_to_coo_p(
                words(1, 2), words(5), rule=rule, shape=(20, 140_000 if prob < 1 else 5000), nse=5000
            )
            elements = jitc_to_dense_p(words(1, 2), words(5, 60_000), rule=rule, shape=(3, 9000))
            results.append([np.asarray(array) for array in (*entries, *elements)])
    for reference, native in zip(*results):
        np.testing.assert_array_equal(reference, native)
    assert (results[0][0].sum() == 0) == (prob == 0)


def test_seeds() -> None:
    for seed, expected in (
        (0, [0, 0]),
        (-1, [2**32 - 1] * 2),
        (2**64 - 1, [2**32 - 1] * 2),
        (2**63 + 5, [2**31, 5]),
        (2**64 + 7, [0, 7]),
        (np.int8(-1), [2**32 - 1] * 2),
        (np.uint64(2**63), [2**31, 0]),
        (np.array([1, 2]), [1, 2]),
        ([3, 4], [3, 4]),
        (jnp.int32(-2), [2**32 - 1, 2**32 - 2]),
        (jnp.array([5, 6], jnp.uint32), [5, 6]),
        (jax.random.key(9), [0, 9]),
        (jax.random.PRNGKey(9), [0, 9]),
    ):
        assert jitc.as_seed(seed).tolist() == expected
        assert jitc.as_seed(seed).dtype == jnp.uint32
    assert jax.jit(jitc.as_seed)(jnp.int32(-2)).tolist() == [2**32 - 1, 2**32 - 2]
    assert jitc.as_seed(jax.random.key(0, impl="rbg")).shape == (2,)
    assert jitc.as_seed(None).tolist() != jitc.as_seed(None).tolist()
    for wrong in (0.5, "seed", [1, 2, 3], jnp.ones(2)):
        with pytest.raises(brainevent.DTypeError, match="seed must be"):
            jitc.as_seed(wrong)


def test_probabilities() -> None:
    for prob in (0, 1, True, 0.5, np.float32(0.1), np.array([0.25]), jnp.float32(0.5)):
        assert jitc.as_probability(prob) == float(np.ravel(prob)[0])
    for wrong in (-0.1, 1.5, math.nan):
        with pytest.raises(brainevent.MathError, match="between 0 and 1"):
            jitc.as_probability(wrong)
    for odd in ("half", "0.1", None, [0.1, 0.2], 2**2000):
        with pytest.raises(brainevent.DTypeError, match="between 0 and 1"):
            jitc.as_probability(odd)
    with pytest.raises(brainevent.DTypeError, match="concrete"):
        jax.jit(jitc.as_probability)(0.5)
