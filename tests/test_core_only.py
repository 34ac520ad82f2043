"""Core without a backend gives the same results: the network of the demo on core's kernels, the reference and Numba."""

import subprocess
import sys
from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainevent

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import coba
import coba_report


def test_coba_rates_on_all_kernels_agree_within_two_percent() -> None:
    """They even agree exactly: products are sums of equal weights, which are exact, and nothing else may differ."""
    pytest.importorskip("brainevent_cpu")
    network = coba.make_network()
    p, rates, recordings = network.parameters, {}, {}
    for backend in ("reference", "events", "numba"):
        with brainevent.use_backend(backend):
            recording = recordings[backend] = coba.simulate(network, 300.0 * u.ms)
        assert recording.kernels == [f"matmul on cpu: {backend}"]
        rates[backend] = [
            coba_report.firing_statistics(recording, neurons, 0.0 * u.ms, 300.0 * u.ms).rate.to_decimal(u.Hz)
            for neurons in (range(p.n_exc), range(p.n_exc, p.n))
        ]
    for backend in ("events", "numba"):
        assert rates[backend] == pytest.approx(rates["reference"], rel=0.02)
        for name in ("spike_neurons", "spike_times"):
            found, expected = (getattr(recordings[which], name) for which in (backend, "reference"))
            np.testing.assert_array_equal(u.get_magnitude(found), u.get_magnitude(expected))


WITHOUT_INTERNALS = """
import builtins, sys
import jax

real = builtins.__import__

def without(name, globals=None, locals=None, fromlist=(), level=0):
    if globals and globals.get("__name__") == "brainevent_core._jax" and name.startswith("jax._src"):
        raise ImportError(name)
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = without
import brainevent
import jax.numpy as jnp
from brainevent_core import _jax

_jax.mlir = type("Hidden", (), {"__getattr__": lambda self, name: getattr(jax.interpreters.mlir, name), "ir": None})()
W = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [3.0, 0.0]]))
spikes = brainevent.BinaryArray(jnp.array([True, False]))
assert _jax.apply_primitive.__module__ == "brainevent_core._jax"
assert (spikes @ W).tolist() == [0.0, 2.0]
loop = jax.jit(lambda W: jax.lax.fori_loop(0, 3, lambda i, W: W.update_on_pre(spikes, jnp.ones(2)), W))
assert loop(W).data.tolist() == [5.0, 3.0]
assert jax.vmap(lambda w: spikes @ W.with_data(w))(jnp.ones((2, 2))).tolist() == [[0.0, 1.0], [0.0, 1.0]]
"""


def test_what_only_optimises_can_be_missing_from_jax() -> None:
    """Without the JAX internals that only make things faster, results are the same."""
    subprocess.run([sys.executable, "-c", WITHOUT_INTERNALS], check=True)
