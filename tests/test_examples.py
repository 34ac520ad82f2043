"""The examples of networks: what is known of each shows, from its command line as well, and a step is what it says."""

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

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

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
    """One step without spikes, against many small ones of Euler's method."""
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
    assert spikes.irregularity(2).mean() > 0.35  # a neuron alone would fire regularly
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


@pytest.mark.parametrize("example", ["brunel", "coincidence", "cuba", "izhikevich", "microcircuit", "vogels"])
def test_command_prints_rates_and_draws(example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "picture.png"
    assert importlib.import_module(example).main(["--duration", "20", "--output", str(picture), "--no-progress"]) == 0
    assert picture.stat().st_size > 10_000
    assert "Hz" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        importlib.import_module(example).main(["--duration", "-1"])


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
    assert np.sqrt(np.mean(error**2)) < 0.06  # of a range of 0.6 ms


def test_microcircuit_of_a_tenth_keeps_the_published_rates() -> None:
    """Poisson input; the correlations of so small a network move its rates by more than those of the whole one."""
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
    # 0.15 mV at its peak is a current of 87.8 pA, and synapses are stronger where there are fewer.
    strong = weight[: model.synapses.indptr[groups[0].stop]].mean()
    assert strong == pytest.approx(87.81 / np.sqrt(scale), rel=0.02)
