"""A core without any backend does the same science: the demo's network on the reference kernels and on Numba's."""

import sys
from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainevent

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import coba
import coba_report


def test_coba_rates_on_reference_and_numba_agree_within_two_percent() -> None:
    """More than that: the products are sums of equal weights, which are exact, and nothing else may differ."""
    pytest.importorskip("brainevent_cpu")
    network = coba.make_network()
    p, rates, recordings = network.parameters, {}, {}
    for backend in ("reference", "numba"):
        with brainevent.use_backend(backend):
            recording = recordings[backend] = coba.simulate(network, 300.0 * u.ms)
        assert recording.kernels == [f"matmul on cpu: {backend}"]
        rates[backend] = [
            coba_report.firing_statistics(recording, neurons, 0.0 * u.ms, 300.0 * u.ms).rate.to_decimal(u.Hz)
            for neurons in (range(p.n_exc), range(p.n_exc, p.n))
        ]
    assert rates["numba"] == pytest.approx(rates["reference"], rel=0.02)
    np.testing.assert_array_equal(recordings["numba"].spike_neurons, recordings["reference"].spike_neurons)
