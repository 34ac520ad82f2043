"""The COBA example, compared with a plain simulation in NumPy and SciPy, and its command line."""

import importlib.util
import math
import sys
from pathlib import Path

import brainunit as u
import jax
import numpy as np
import pytest
import scipy.sparse

import brainevent

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import coba
import coba_report

BACKENDS = [
    pytest.param(
        "numba",
        marks=pytest.mark.skipif(importlib.util.find_spec("brainevent_cpu") is None, reason="needs brainevent[cpu]"),
    ),
    "reference",
]


def simulate_with_scipy(network: coba.Network, steps: int) -> np.ndarray:
    """A raster of shape (steps, neurons). Numbers are in ms, mV, nS and pF, from the equations in the paper."""
    p, state = network.parameters, network.state
    arrays = [np.asarray(a) for a in (network.exc.indices, network.exc.indptr, network.inh.indices, network.inh.indptr)]
    exc = scipy.sparse.csr_array((np.full(arrays[0].size, 6.0), *arrays[:2]), shape=(p.n_exc, p.n))
    inh = scipy.sparse.csr_array((np.full(arrays[2].size, 67.0), *arrays[2:]), shape=(p.n_inh, p.n))
    v, g_exc, g_inh = (np.asarray(q.mantissa, np.float64) for q in (state.v, state.g_exc, state.g_inh))
    silent_until = np.zeros(p.n, int)
    fired = np.zeros(p.n, bool)
    raster = np.zeros((steps, p.n), bool)
    for t in range(steps):
        g_exc = g_exc * np.exp(-0.1 / 5.0) + fired[: p.n_exc].astype(float) @ exc
        g_inh = g_inh * np.exp(-0.1 / 10.0) + fired[p.n_exc :].astype(float) @ inh
        conductance = 10.0 + g_exc + g_inh
        target = (10.0 * -60.0 + g_exc * 0.0 + g_inh * -80.0) / conductance
        v = target + (v - target) * np.exp(-0.1 * conductance / 200.0)
        fired = (v >= -50.0) & (t >= silent_until)
        v[fired | (t < silent_until)] = -60.0
        silent_until[fired] = t + 1 + 50  # 5 ms
        raster[t] = fired
    return raster


@pytest.mark.parametrize("backend", BACKENDS)
def test_agrees_with_scipy_spike_for_spike(backend: str) -> None:
    with jax.enable_x64(True), brainevent.use_backend(backend):
        network = coba.make_network(seed=1, dtype=np.float64)
        expected = simulate_with_scipy(network, steps=200)
        recording = coba.simulate(network, 20.0 * u.ms)
    steps, neurons = np.nonzero(expected)
    assert len(steps) > 500  # and each neuron's refractory period ends before the simulation does
    np.testing.assert_array_equal(recording.spike_neurons, neurons)
    np.testing.assert_allclose(recording.spike_times.to_decimal(u.ms), (steps + 1) * 0.1)
    assert {kernel.rsplit(" ", 1)[1] for kernel in recording.kernels} <= {backend}


def test_the_network_is_the_one_of_the_paper() -> None:
    network = coba.make_network(seed=3)
    p = network.parameters
    assert (p.n_exc, p.n_inh) == network.exc.shape[:1] + network.inh.shape[:1] == (3200, 800)
    assert math.isclose(p.capacitance / p.g_leak / u.ms, 20.0)
    for matrix, first in ((network.exc, 0), (network.inh, p.n_exc)):
        pairs = matrix.shape[0] * (p.n - 1)
        assert abs(matrix.nse - 0.02 * pairs) < 5 * math.sqrt(0.02 * pairs)
        targets, pointers = np.asarray(matrix.indices), np.asarray(matrix.indptr)
        source = np.repeat(np.arange(matrix.shape[0]), np.diff(pointers))
        assert len(np.unique(source * p.n + targets)) == matrix.nse, "a pair is connected twice"
        assert not np.any(source + first == targets), "a neuron is connected to itself"


@pytest.mark.parametrize("scale", [0.02, 0.5, 3.0])
def test_scaling_keeps_the_synapses_per_neuron(scale: float) -> None:
    network = coba.make_network(scale, seed=2)
    p = network.parameters
    assert p.n == round(4000 * scale)
    assert (network.exc.nse + network.inh.nse) / p.n == pytest.approx(80, rel=0.05)


def test_fires_irregularly_at_the_rates_of_the_paper() -> None:
    network = coba.make_network()
    p = network.parameters
    recording = coba.simulate(network, 1000.0 * u.ms)  # in a shorter window, only neurons that burst have intervals
    for neurons in (range(p.n_exc), range(p.n_exc, p.n)):
        firing = coba_report.firing_statistics(recording, neurons, 100.0 * u.ms, 1000.0 * u.ms)
        assert 10.0 < firing.rate.to_decimal(u.Hz) < 40.0
        assert 0.7 < firing.cv2 < 1.3  # irregular from spike to spike ...
        assert 1.0 < firing.cv < 2.0  # ... and the neurons fire in bursts, which adds to the CV


def test_statistics_of_known_spike_trains() -> None:
    rng = np.random.default_rng(0)
    clock, poisson = np.arange(0.0, 1e5, 50.0), np.cumsum(rng.exponential(50.0, 2000))
    two_spikes = np.array([10.0, 20.0])
    times = np.concatenate([clock, poisson, two_spikes])
    neurons = np.repeat([0, 1, 2], [clock.size, poisson.size, 2])
    order = np.argsort(times)
    empty: dict[str, None] = dict.fromkeys(coba.Recording._fields)
    recording = coba.Recording(**empty | {"spike_times": times[order] * u.ms, "spike_neurons": neurons[order]})
    clock_like, poisson_like, silent = (
        coba_report.firing_statistics(recording, range(k, k + 1), 0.0 * u.ms, 1e5 * u.ms) for k in range(3)
    )
    assert clock_like.rate.to_decimal(u.Hz) == pytest.approx(20.0, rel=1e-2)
    assert (clock_like.cv, clock_like.cv2) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert (poisson_like.cv, poisson_like.cv2) == pytest.approx((1.0, 1.0), rel=0.05)
    assert math.isnan(silent.cv)
    assert math.isnan(silent.cv2)


def test_chunks_leave_no_trace() -> None:
    """735 steps run as two chunks of 368; the surplus step must not show."""
    network = coba.make_network(0.5)
    elapsed = []
    with brainevent.use_backend("reference"):
        long = coba.simulate(network, 73.5 * u.ms, lambda t: elapsed.append(t.to_decimal(u.ms)))
        short = coba.simulate(network, 30.0 * u.ms)
    assert elapsed == pytest.approx([36.8, 73.5])
    assert long.v.shape == (735, 20)
    assert long.spike_times[-1] <= 73.5 * u.ms
    first = long.spike_times.to_decimal(u.ms) < 30.05
    np.testing.assert_array_equal(long.spike_neurons[first], short.spike_neurons)


def test_weights_in_the_wrong_unit_are_refused() -> None:
    network = coba.make_network(0.1)
    volts = network.exc.with_data(6.0 * u.mV)
    with pytest.raises(u.UnitMismatchError):
        coba.step(network.parameters, volts, network.inh, network.state)


def test_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "coba.png"
    assert coba.main(["--scale", "0.5", "--duration", "60", "--output", str(picture), "--no-progress"]) == 0
    printed = capsys.readouterr().out
    for expected in ("2,000: 1,600 excitatory, 400 inhibitory", "Hz", "times real time", "matmul on", str(picture)):
        assert expected in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_command_draws_a_network_that_fell_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--scale", "0.02", "--duration", "200", "--output", str(tmp_path / "silent.svg"), "--no-progress"]
    assert coba.main(arguments) == 0
    assert "died out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--duration", "-5"], "positive"),
        (["--duration", "nan"], "positive"),
        (["--duration", "0.01"], "time step"),
        (["--scale", "0"], "positive"),
        (["--scale", "0.001"], "at least 0.02"),
        (["--seed", "-1"], "0 or more"),
        (["--output", "/no/such/folder/coba.png"], "not a directory"),
        (["--output", "coba.txt"], ".png"),
        (["--output", "/proc/coba.png"], "can't be written"),
        (["--backend", "no-such-backend", "--duration", "1"], "no-such-backend"),
    ],
)
def test_command_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        coba.main(arguments)
    assert exit_status.value.code == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
