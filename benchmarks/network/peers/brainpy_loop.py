"""The same network in brainpy, with brainpy's neurons, synapses and event-driven projections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(scale: float, seed: int, steps: int, folder: str) -> Program:
    """Exponential Euler (``exp_auto``), as in the example."""
    network = np.load(Path(folder) / "network.npz")
    bm.set(dt=float(network["dt"]))
    net = Network(network)
    net.neurons.V.value = jnp.asarray(network["v"])
    net.exc.syn.g.value = jnp.asarray(network["g_exc"])
    net.inh.syn.g.value = jnp.asarray(network["g_inh"])
    initial = {name: variable.value for name, variable in net.vars().items()}

    def step(i: Any) -> None:
        net.step_run(i)
        net.counts.value += net.neurons.spike

    @bm.jit
    def run(indices: Any) -> Any:
        bm.for_loop(step, indices)
        return net.counts.value

    counts = np.zeros(net.n)
    indices = bm.arange(steps)

    def simulate(_: int) -> None:
        for name, variable in net.vars().items():
            variable.value = initial[name]
        counts[:] = run(indices)

    simulate(steps)
    seconds = steps * bm.get_dt() * 1e-3
    return Program(
        simulate,
        lambda: np.array([counts[: net.n_exc].mean() / seconds, counts[net.n_exc :].mean() / seconds, seconds]),
        ("brainpy", "brainevent", "jax", "numba"),
        calls=steps,
    )


class Network(bp.DynSysGroup):
    """Leaky integrate-and-fire neurons with conductance-based synapses."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        p = {name: float(network[name]) for name in network.files if network[name].ndim == 0}
        self.n, self.n_exc = len(network["v"]), len(network["exc_pointers"]) - 1
        self.neurons = bp.dyn.LifRef(
            self.n,
            V_rest=p["e_leak"],
            V_th=p["v_threshold"],
            V_reset=p["v_reset"],
            R=1 / p["g_leak"],
            tau=p["capacitance"] / p["g_leak"],
            tau_ref=p["refractory_period"],
            spk_reset="hard",
            method="exp_auto",
        )

        def projection(kind: str, pre: int) -> Any:
            connect = bp.conn.CSRConn(network[f"{kind}_targets"], network[f"{kind}_pointers"])
            return bp.dyn.ProjAlignPostMg1(
                comm=bp.dnn.EventCSRLinear(connect(pre_size=pre, post_size=self.n), p[f"w_{kind}"]),
                syn=bp.dyn.Expon.desc(size=self.n, tau=p[f"tau_{kind}"]),
                out=bp.dyn.COBA.desc(E=p[f"e_{kind}"]),
                post=self.neurons,
            )

        self.exc = projection("exc", self.n_exc)
        self.inh = projection("inh", self.n - self.n_exc)
        self.counts = bm.Variable(jnp.zeros(self.n, jnp.int32))

    def update(self) -> None:
        """One step; spikes arrive one step after they were fired."""
        spikes = self.neurons.spike.value
        self.exc(spikes[: self.n_exc])
        self.inh(spikes[self.n_exc :])
        self.neurons()
