"""The examples: each network behaves as known, also from the command line, and steps solve their equations."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(FOLDER))

simulation: Any = importlib.import_module("simulation")


def test_statistics_of_known_spikes() -> None:
    time = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 9.0])
    spikes = simulation.Spikes(time, np.array([0, 0, 2, 0, 0, 2, 0]), 3, 10.0)
    np.testing.assert_allclose(spikes.rates(), [500, 0, 200])
    np.testing.assert_allclose(spikes.irregularity(), [np.std([1, 1, 1, 5]) / 2])
    later = spikes.after(2.0)
    np.testing.assert_array_equal(later.time, [1, 2, 3, 7])
    assert later.duration == 8.0
    np.testing.assert_array_equal(spikes.of(range(2, 3)).time, [2, 5])


@pytest.mark.parametrize(("steps", "chunk"), [(7, 3), (6, 3), (2, 500)])
def test_loop_records_each_step_once(steps: int, chunk: int, rng: np.random.Generator) -> None:
    raster = rng.random((12, 5)) < 0.4

    def step(model: Any, state: Any, number: Any) -> Any:
        return state + 1, (model[number], state)

    _, spikes, counted = simulation.run(
        step, jnp.asarray(raster), jnp.int32(0), duration=steps * 0.5, dt=0.5, chunk=chunk, progress=False
    )
    number, neuron = np.nonzero(raster[:steps])
    np.testing.assert_allclose(spikes.time, (number + 1) * 0.5)
    np.testing.assert_array_equal(spikes.neuron, neuron)
    np.testing.assert_array_equal(counted, np.arange(steps))


def test_cuba_solves_its_equations(rng: np.random.Generator) -> None:
    """One step without spikes, compared with many small steps of Euler's method."""
    cuba: Any = importlib.import_module("cuba")
    n, silent = cuba.N_EXC + cuba.N_INH, jnp.zeros(cuba.N_EXC + cuba.N_INH, bool)
    v, g_exc, g_inh = rng.uniform(-60, -51, n), rng.uniform(0, 5, n), rng.uniform(-5, 0, n)
    with jax.enable_x64(True):
        state = cuba.State(v * u.mV, g_exc * u.mV, g_inh * u.mV, jnp.zeros(n, jnp.int16), silent)
        new, _ = cuba.step(cuba.make_model(0), state, 0)
    small = 0.1 / 20_000
    for _ in range(20_000):
        change = small / 20 * (-49 - v + g_exc + g_inh)
        g_exc, g_inh, v = g_exc * (1 - small / 5), g_inh * (1 - small / 10), v + change
    np.testing.assert_allclose(np.asarray(new.v.to_decimal(u.mV)), v, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(new.g_inh.to_decimal(u.mV)), g_inh, rtol=1e-5)


def test_cuba_fires_irregularly_at_a_few_hertz() -> None:
    cuba: Any = importlib.import_module("cuba")
    spikes = cuba.simulate(600.0, seed=3).after(100.0)
    assert 4 < spikes.rates().mean() < 8
    assert spikes.irregularity(2).mean() > 0.35  # a single neuron would fire regularly
    assert np.unique(spikes.neuron).size > spikes.size / 2


def test_izhikevich_has_a_rhythm() -> None:
    izhikevich: Any = importlib.import_module("izhikevich")
    spikes = izhikevich.simulate(1000.0, seed=3).after(200.0)
    assert 4 < spikes.rates().mean() < 12
    power = np.abs(np.fft.rfft(np.histogram(spikes.time, np.arange(801))[0])) ** 2
    hertz = np.fft.rfftfreq(800, 1e-3)
    slow, fast = (power[(hertz > low) & (hertz < high)].mean() for low, high in [(4, 20), (150, 400)])
    assert slow > 5 * fast


def test_vogels_learns_to_hold_down_excitation() -> None:
    vogels: Any = importlib.import_module("vogels")
    state, spikes = vogels.simulate(700.0, seed=3)
    excitatory = spikes.of(range(vogels.N_EXC))
    early, late = (np.mean((excitatory.time > end - 100) & (excitatory.time <= end)) for end in (150, 700))
    assert early > 2 * late
    weights = state.inh_to_exc.data.to_decimal(u.nS)
    assert weights.min() >= 0
    assert 0.3 < weights.mean() < 5


SHORT = {
    "connectome": ["--duration", "20"],
    "ensemble": ["--duration", "5"],
    "million": ["--neurons", "2000", "--synapses", "50", "--steps", "40"],
    "own_operator": ["--duration", "100"],
}
#: Tested elsewhere: coba in test_docs.py, devices in test_split.py, train below.
ELSEWHERE = {"simulation", "devices", "train", "coba", "coba_options", "coba_plot", "coba_report"}
EXAMPLES = sorted({path.stem for path in FOLDER.glob("*.py")} - ELSEWHERE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_command_prints_rates_and_draws(example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, module = tmp_path / "picture.png", importlib.import_module(example)
    arguments = SHORT.get(example, ["--duration", "20"])
    if example != "million":
        arguments = [*arguments, "--no-progress"]
    assert module.main([*arguments, "--output", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    assert "Hz" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        module.main(["--duration", "-1"])


# --- Learning, ensembles, operators, connectomes ----------------------------------------------------------------------


def test_stdp_prefers_correlated_inputs_and_scaling_keeps_the_rate() -> None:
    stdp: Any = importlib.import_module("stdp")
    weights, means, rates = stdp.simulate(12_000.0, seed=1)
    assert weights.min() >= 0
    assert weights.max() <= 1 + 1e-6
    np.testing.assert_allclose(means[-1], weights.reshape(2, -1).mean(axis=1), atol=0.02)
    assert means[-1, 1] > 1.25 * means[-1, 0]
    assert rates.max() > 35  # before scaling reduces the weights
    assert 5 < rates[-4000:].mean() < 25


def test_training_learns_to_tell_patterns_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "picture.png"
    train: Any = importlib.import_module("train")
    assert train.main(["--steps", "60", "--seed", "1", "--output", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert float(printed["accuracy"].split("%")[0]) > 85  # of four patterns
    assert float(printed["loss"].split()[0]) > 1.3  # chance is log 4


def test_surrogate_is_the_slope_that_it_says() -> None:
    train: Any = importlib.import_module("train")
    v = jnp.array([0.5, 1.0, 1.2])
    np.testing.assert_array_equal(train.fires(v), [0, 0, 1])
    np.testing.assert_allclose(jax.grad(lambda v: train.fires(v).sum())(v), [1 / 36, 1, 1 / 9], rtol=1e-5)


def test_ensemble_follows_the_rate_of_balance() -> None:
    ensemble: Any = importlib.import_module("ensemble")
    g, external = np.array([3.0, 5.0, 6.0]), np.array([2.0])
    found = ensemble.rates(ensemble.Model(seed=1), g, external, 100.0)
    assert found.shape == (1, 3)
    assert found[0, 0] > 200  # excitation dominates
    np.testing.assert_allclose(found[0, 1:], ensemble.balanced(g, external)[0, 1:], rtol=0.35)


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_own_operator_has_the_derivatives_of_its_sum(backend: str, rng: np.random.Generator) -> None:
    """The filter equals a product with a triangular matrix of powers of the decay."""
    operator: Any = importlib.import_module("own_operator")
    x, decay = rng.normal(size=(6, 3)).astype(np.float32), rng.uniform(0.2, 0.9, 3).astype(np.float32)
    weights = jnp.asarray(rng.normal(size=x.shape), jnp.float32)
    lag = np.arange(6)[:, None] - np.arange(6)

    def ours(x: jax.Array, decay: jax.Array, reverse: bool) -> jax.Array:
        return (weights * operator.leaky(x, decay, reverse=reverse, backend=backend)).sum()

    def dense(x: jax.Array, decay: jax.Array, reverse: bool) -> jax.Array:
        powers = jnp.where(lag[..., None] >= 0, decay ** np.maximum(lag, 0)[..., None], 0)
        return (weights * jnp.einsum("sti,ti->si" if not reverse else "tsi,ti->si", powers, x)).sum()

    for reverse in (False, True):
        for derivative in (jax.grad, jax.jacfwd):
            found = derivative(ours, argnums=(0, 1))(x, decay, reverse)
            expected = derivative(dense, argnums=(0, 1))(x, decay, reverse)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_own_operator_finds_time_constants() -> None:
    true, found, losses = importlib.import_module("own_operator").learn(600.0, seed=1)
    np.testing.assert_allclose(found, true, rtol=0.2)
    assert losses[-1] < 0.2 * losses[0]


def test_connectome_carries_spikes_along_its_edges(tmp_path: Path) -> None:
    connectome: Any = importlib.import_module("connectome")
    edges, groups = connectome.small_brain(seed=1)
    path = tmp_path / "edges.csv"
    np.savetxt(path, np.stack(edges, axis=1), fmt="%d", delimiter=",", header="pre,post,synapses,sign")
    edges = connectome.read(path)

    def rates(silence: str | None) -> dict[str, float]:
        silenced = groups[silence] if silence else np.array([], np.int64)
        model, ids = connectome.make_model(edges, groups["sensory"], silenced, seed=1)
        row = dict(zip(ids.tolist(), range(ids.size), strict=True))
        weights = model.synapses.todense().to_decimal(u.mV)
        chosen = (edges.pre == edges.pre[7]) & (edges.post == edges.post[7])
        expected = 0.275 * (edges.synapses * edges.sign)[chosen].sum()
        np.testing.assert_allclose(weights[row[int(edges.pre[7])], row[int(edges.post[7])]], expected, rtol=1e-5)
        each = connectome.simulate(model, 150.0).rates()
        return {name: each[np.isin(ids, group)].mean() for name, group in groups.items()}

    intact, cut, disinhibited = rates(None), rates("first"), rates("inhibitory")
    assert 100 < intact["sensory"] < 200
    assert intact["second"] > 10
    assert cut["first"] == cut["second"] == cut["motor"] == 0
    assert disinhibited["motor"] > 2 * intact["motor"]


# --- With delays ------------------------------------------------------------------------------------------------------


def test_poisson_numbers_are_poisson(rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the examples need SciPy")
    mean, key = float(rng.uniform(0.1, 4.0)), jax.random.key(int(rng.integers(2**31)))
    steps = [simulation.uniform(jax.random.fold_in(key, step), 20_000) for step in range(10)]
    drawn = np.concatenate([simulation.poisson(step, mean) for step in steps])
    neighbours = np.corrcoef(steps[0][1:], steps[0][:-1])[0, 1], np.corrcoef(steps[0], steps[1])[0, 1]
    np.testing.assert_allclose(neighbours, 0, atol=5 / np.sqrt(20_000))
    most = int(stats.poisson.isf(1e-3, mean))
    counts = np.append(np.bincount(drawn.astype(int), minlength=most)[:most], (drawn >= most).sum())
    expected = np.append(stats.poisson.pmf(np.arange(most), mean), stats.poisson.sf(most - 1, mean)) * drawn.size
    assert stats.chisquare(counts, expected).pvalue > 1e-6


def test_brunel_is_asynchronous_and_irregular_at_the_rate_of_the_paper() -> None:
    brunel: Any = importlib.import_module("brunel")
    spikes = brunel.simulate(brunel.REGIMES["C"], brunel.make_model(seed=1), 500.0).after(100.0)
    assert spikes.rates().mean() == pytest.approx(37.7, rel=0.1)
    assert spikes.irregularity().mean() > 0.3  # 0 in the synchronous regular state
    counts = np.histogram(spikes.time, np.arange(0, 401, 1.0))[0]
    assert counts.std() < 0.6 * counts.mean()


def test_coincidences_find_the_source() -> None:
    coincidence: Any = importlib.import_module("coincidence")
    spikes, heard = coincidence.simulate(200.0, seed=1)
    assert spikes.time.size > 100
    place = coincidence.preferred().to_decimal(u.ms)[spikes.neuron]
    error = place - heard[np.rint(spikes.time / 0.01).astype(int) - 1]
    assert np.sqrt(np.mean(error**2)) < 0.06  # the range is 0.6 ms


def test_microcircuit_of_a_tenth_keeps_the_published_rates() -> None:
    """With Poisson input. Correlations change the rates of such a small network more than those of the whole one."""
    microcircuit: Any = importlib.import_module("microcircuit")
    model, spikes, _ = microcircuit.simulate(0.1, 700.0, seed=1)
    sizes = [len(group) for group in microcircuit.populations(0.1).values()]
    assert model.synapses.shape == (sum(sizes), sum(sizes))
    assert model.synapses.nse == pytest.approx(0.3e9 * 0.01, rel=0.02)
    found = [spikes.after(200.0).of(group) for group in microcircuit.populations(0.1).values()]
    rates = np.array([one.rates().mean() for one in found])
    np.testing.assert_allclose(rates, microcircuit.RATES, rtol=0.35, atol=0.5)
    for one in found:
        assert 0.4 < one.irregularity().mean() < 1.2


def test_microcircuit_connects_as_often_as_it_says() -> None:
    microcircuit: Any = importlib.import_module("microcircuit")
    scale = 0.05
    model, _ = microcircuit.make_model(scale, seed=2)
    groups = list(microcircuit.populations(scale).values())
    row = np.repeat(np.arange(model.synapses.shape[0]), np.diff(np.asarray(model.synapses.indptr)))
    column, weight = np.asarray(model.synapses.indices), np.asarray(model.synapses.data.to_decimal(u.pA))
    delay = np.asarray(model.synapses.delay)
    for source, pre in enumerate(groups):
        from_here = (row >= pre.start) & (row < pre.stop)
        assert np.all(weight[from_here] >= 0) if source % 2 == 0 else np.all(weight[from_here] <= 0)
        assert delay[from_here].mean() == pytest.approx(15.4 if source % 2 == 0 else 7.8, rel=0.03)
        for target, post in enumerate(groups):
            number = np.sum(from_here & (column >= post.start) & (column < post.stop))
            full = -np.log1p(-microcircuit.PROBABILITIES[target, source]) * microcircuit.SIZES[source]
            assert number == pytest.approx(full * scale * len(post), abs=1)
    # A peak of 0.15 mV corresponds to a current of 87.8 pA; synapses are stronger if there are fewer of them.
    strong = weight[: model.synapses.indptr[groups[0].stop]].mean()
    assert strong == pytest.approx(87.81 / np.sqrt(scale), rel=0.02)
