"""The microcircuit in NEST: the same numbers, connection rules and random input."""

from __future__ import annotations

import ast
import math
import time
from pathlib import Path
from typing import Any

import nest
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]

_EXAMPLE = Path(__file__).parents[3] / "examples" / "microcircuit.py"


def program(scale: float, seed: int, steps: int, threads: int) -> Program:
    """Neurons of type ``iaf_psc_exp`` with exact integration, in float64, as always in NEST; after 0.5 s."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=threads, rng_seed=seed + 1, print_time=False)
    began = time.perf_counter()
    recorders = _build(scale)
    nest.Prepare()
    construction = time.perf_counter() - began
    nest.Run(500.0)
    begin, biological = np.array([one.n_events for one in recorders]), [0.0]
    sizes = np.rint(_table("SIZES") * scale)

    def run(steps: int) -> None:
        nest.Run(steps * 0.1)
        biological[0] += steps * 1e-4

    def rates() -> np.ndarray:
        return (np.array([one.n_events for one in recorders]) - begin) / sizes / biological[0]

    return Program(run, rates, ("nest-simulator",), notes={"construction": construction}, calls=steps)


def _table(name: str) -> Any:
    """A table from the source of the example, which can't be imported in this environment."""
    for line in ast.parse(_EXAMPLE.read_text()).body:
        if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", None) == name:
            assert isinstance(line.value, ast.Call)
            return np.array(ast.literal_eval(line.value.args[0]))
    raise LookupError(name)


def _build(scale: float) -> list[Any]:
    sizes, probabilities, published = _table("SIZES"), _table("PROBABILITIES"), _table("RATES")
    outside, tau_m, tau_syn, capacitance = _table("EXTERNAL_INPUTS"), 10.0, 0.5, 250.0
    inputs = -np.log1p(-probabilities) * sizes
    strength = np.where(np.arange(8) % 2, -4.0, 1.0) * np.ones((8, 8))
    strength[0, 2] *= 2
    peak = math.log(tau_m / tau_syn) * tau_m * tau_syn / (tau_m - tau_syn)
    rise = (math.exp(-peak / tau_m) - math.exp(-peak / tau_syn)) / (1 / tau_syn - 1 / tau_m) / capacitance
    weight, stronger = 0.15 / rise, 1 / math.sqrt(scale)
    missing = (1 - math.sqrt(scale)) * ((strength * inputs) @ published + outside * 8.0) * 1e-3 * tau_syn * weight
    mean, sd = _table("INITIAL_MEAN"), _table("INITIAL_SD")

    populations, recorders = [], []
    for i in range(8):
        neuron = {"E_L": -65.0, "V_reset": -65.0, "V_th": -50.0, "C_m": capacitance, "tau_m": tau_m, "t_ref": 2.0}
        currents = {"tau_syn_ex": tau_syn, "tau_syn_in": tau_syn, "I_e": float(missing[i])}
        made = nest.Create("iaf_psc_exp", round(sizes[i] * scale), {**neuron, **currents})
        made.V_m = nest.random.normal(float(mean[i]), float(sd[i]))
        generator = nest.Create("poisson_generator", params={"rate": float(outside[i] * scale * 8.0)})
        nest.Connect(generator, made, syn_spec={"weight": weight * stronger, "delay": 1.5})
        recorder = nest.Create("spike_recorder")
        nest.Connect(made, recorder)
        populations.append(made)
        recorders.append(recorder)
    for source, pre in enumerate(populations):
        # A thread of NEST can have at most 2**27 synapses of one model, and the network has 0.3 billion.
        model = f"static_synapse_of_{source}"
        nest.CopyModel("static_synapse", model)
        for target, post in enumerate(populations):
            number = int(np.rint(inputs[target, source] * scale * len(post)))
            if not number:
                continue
            w, delay = weight * stronger * strength[target, source], 0.75 if source % 2 else 1.5
            bound = {"max": 0.0} if w < 0 else {"min": 0.0}
            synapse = {
                "synapse_model": model,
                "weight": nest.math.redraw(nest.random.normal(w, abs(w) * 0.1), **{"min": -1e9, "max": 1e9, **bound}),
                "delay": nest.math.redraw(nest.random.normal(delay, delay / 2), min=0.1, max=1e9),
            }
            nest.Connect(pre, post, {"rule": "fixed_total_number", "N": number}, synapse)
    return recorders
