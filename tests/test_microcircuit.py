"""The cortical microcircuit, examples/microcircuit.py: its numbers, and its rates at a small scale."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np
import pytest


@pytest.fixture(scope="module")
def microcircuit() -> Any:
    path = Path(__file__).parents[1] / "examples" / "microcircuit.py"
    spec = importlib.util.spec_from_file_location("microcircuit", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_network_has_the_synapses_of_the_paper(microcircuit: Any) -> None:
    assert microcircuit.WEIGHT == pytest.approx(87.81, abs=0.01)  # pA
    assert microcircuit.NEURONS.sum() == 77_169
    network = microcircuit.make_network(scale=0.02, poisson=False, seed=3)
    n, full = network.sizes, microcircuit.NEURONS
    pairs = np.outer(full, full)
    expected = np.log1p(-microcircuit.PROBABILITY) / np.log1p(-1 / pairs) * 0.02**2
    assert 0.29e9 < expected.sum() / 0.02**2 < 0.31e9
    begins = np.concatenate([[0], np.cumsum(n)])
    for source, conn in enumerate(network.projections):
        assert conn.shape == (n[source], n.sum())
        targets = np.searchsorted(begins, np.asarray(conn.indices), side="right") - 1
        np.testing.assert_allclose(np.bincount(targets, minlength=8), expected[:, source], atol=0.5)
        weights, steps = np.asarray(conn.data), np.asarray(conn.delay)
        assert (weights >= 0).all() if source % 2 == 0 else (weights <= 0).all()
        mean = -4.0 if source % 2 else 2.0 if source == 2 else 1.0
        to_others = weights[targets != 0] if source == 2 else weights
        expected_weight = (1.0 if source == 2 else mean) * microcircuit.WEIGHT / np.sqrt(0.02)
        assert to_others.mean() == pytest.approx(expected_weight, rel=0.02)
        # Normal with a CV of 0.5, cut below one step: a mean of 1.51 or 0.79 ms (0.1 ms is half a step from there).
        assert steps.min() >= 1
        assert steps.mean() * 0.1 == pytest.approx(1.57 if source % 2 == 0 else 0.8, rel=0.05)


@pytest.mark.slow
def test_rates_are_near_those_published_at_a_tenth_of_the_size(microcircuit: Any) -> None:
    duration = 1500 * u.ms
    network = microcircuit.make_network(scale=0.1, poisson=False, seed=1)
    steps, neurons, _ = microcircuit.simulate(network, duration)
    found = microcircuit.statistics(network, steps, neurons, duration)
    for (rate, _), published in zip(found, microcircuit.PUBLISHED_RATES, strict=True):
        # One second of a small network: the order of the populations is that of the paper, and so are the rates.
        assert 0.4 * published - 0.2 < rate < 1.6 * published + 0.2
