"""A core without any backend does the same science: the demo's network on the reference kernels and on Numba's."""

import sys
from pathlib import Path

import brainunit as u
import pytest

import brainevent

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import coba


def test_coba_rates_on_reference_and_numba_agree_within_two_percent() -> None:
    pytest.importorskip("brainevent_cpu")
    rates = {}
    for backend in ("reference", "numba"):
        with brainevent.use_backend(backend):
            network = coba.make_network()
            recording = coba.simulate(network, 1000.0 * u.ms)
        assert recording.kernels == [f"matmul on cpu: {backend}"]
        p = network.parameters
        rates[backend] = [
            coba.firing_statistics(recording, neurons, 0.0 * u.ms, 1000.0 * u.ms).rate.to_decimal(u.Hz)
            for neurons in (range(p.n_exc), range(p.n_exc, p.n))
        ]
    assert rates["numba"] == pytest.approx(rates["reference"], rel=0.02)
