"""The same network in Brian2, as a standalone C++ program."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]

EQUATIONS = """
dv/dt = (g_leak * (e_leak - v) + g_exc * (e_exc - v) + g_inh * (e_inh - v)) / capacitance : volt (unless refractory)
dg_exc/dt = -g_exc / tau_exc : siemens
dg_inh/dt = -g_inh / tau_inh : siemens
"""

# Units of parameters, by the first part of their names.
UNITS = {
    **dict.fromkeys(("dt", "refractory", "tau"), b2.ms),
    **dict.fromkeys(("e", "v"), b2.mV),
    **dict.fromkeys(("g", "w"), b2.nS),
    "capacitance": b2.pF,
}

# The time of the loop over steps, and the memory of the program; the rest of the program reads and writes files.
BEFORE_RUN = """
timespec bench_wall, bench_cpu, bench_now;
clock_gettime(CLOCK_MONOTONIC, &bench_wall);
clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &bench_cpu);
"""
AFTER_RUN = """
std::ofstream bench_file("figures.txt");
clock_gettime(CLOCK_MONOTONIC, &bench_now);
bench_file << (bench_now.tv_sec - bench_wall.tv_sec) + 1e-9 * (bench_now.tv_nsec - bench_wall.tv_nsec) << "\\n";
clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &bench_now);
bench_file << (bench_now.tv_sec - bench_cpu.tv_sec) + 1e-9 * (bench_now.tv_nsec - bench_cpu.tv_nsec) << "\\n";
std::ifstream bench_status("/proc/self/status");
for (std::string bench_line; std::getline(bench_status, bench_line);)
    if (bench_line.rfind("VmHWM:", 0) == 0)
        bench_file << 1024 * std::stoll(bench_line.substr(6)) << "\\n";
"""


def program(scale: float, seed: int, steps: int, folder: str, method: str) -> Program:
    """One thread, in float64, the default (float32 was no faster).

    Args:
        method: ``exponential_euler``, as in the example, or ``euler``, which Brian2 selects by default: cheaper, and
            less accurate.
    """
    directory = Path(folder) / f"brian2-{method}"
    monitor, n_exc = _build(np.load(Path(folder) / "network.npz"), steps, method, directory)
    seconds = steps * 1e-4

    def run(_: int) -> None:
        subprocess.run([directory / "main"], cwd=directory, check=True, stdout=subprocess.DEVNULL)

    def figures() -> dict[str, float]:
        wall, cpu, peak = map(float, (directory / "figures.txt").read_text().split())
        return {"wall": wall, "cpu": cpu, "peak_bytes": peak}

    def rates() -> np.ndarray:
        counts = np.asarray(monitor.count[:])
        return np.array([counts[:n_exc].mean() / seconds, counts[n_exc:].mean() / seconds, seconds])

    b2.device.run(str(directory), with_output=False, run_args=[])
    return Program(run, rates, ("brian2",), calls=steps, figures=figures)


def _build(network: Any, steps: int, method: str, directory: Path) -> tuple[Any, int]:
    """Compile the program; returns the monitor for spike counts, and the number of excitatory neurons."""
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    p = {name: float(network[name]) * UNITS[name.split("_")[0]] for name in network.files if network[name].ndim == 0}
    b2.defaultclock.dt = p.pop("dt")
    n, n_exc = len(network["v"]), len(network["exc_pointers"]) - 1
    neurons = b2.NeuronGroup(
        n,
        EQUATIONS,
        threshold="v >= v_threshold",
        reset="v = v_reset",
        refractory=p["refractory_period"],
        method=method,
        namespace=p,
    )
    neurons.v, neurons.g_exc, neurons.g_inh = (network["v"] * b2.mV, network["g_exc"] * b2.nS, network["g_inh"] * b2.nS)

    def synapses(kind: str, sources: Any) -> Any:
        pointers = network[f"{kind}_pointers"]
        made = b2.Synapses(sources, neurons, on_pre=f"g_{kind} += w_{kind}", namespace=p)
        made.connect(i=np.repeat(np.arange(len(pointers) - 1), np.diff(pointers)), j=network[f"{kind}_targets"])
        return made

    monitor = b2.SpikeMonitor(neurons, record=False)
    parts = [neurons, synapses("exc", neurons[:n_exc]), synapses("inh", neurons[n_exc:]), monitor]
    b2.device.insert_code("before_network_run", BEFORE_RUN)
    b2.device.insert_code("after_network_run", AFTER_RUN)
    b2.Network(*parts).run(steps * b2.defaultclock.dt)
    b2.device.build(directory=str(directory), compile=True, run=False, with_output=False)
    return monitor, n_exc
