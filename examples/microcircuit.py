"""The cortical microcircuit of Potjans and Diesmann (2014): eight populations below 1 mm² of cortex.

    python examples/microcircuit.py                      # 77,169 neurons, 0.3 billion synapses
    python examples/microcircuit.py --scale 0.1 --input dc --duration 2000

Potjans TC, Diesmann M (2014), Cerebral Cortex 24(3):785-806, doi:10.1093/cercor/bhs358. Numbers are those of the present
reference implementation, INM-6/microcircuit-PD14-model. With `--scale`, numbers of neurons and of inputs of each are
scaled; weights grow by 1/sqrt(scale) and a current replaces the mean input that is lost (van Albada et al. 2015,
doi:10.1371/journal.pcbi.1004490).
"""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import brainevent
from brainevent import connect

# --- The model --------------------------------------------------------------------------------------------------------

POPULATIONS = ("L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
NEURONS = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
PROBABILITY = np.array([  # of a connection; rows are postsynaptic populations
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
])  # fmt: skip
BACKGROUND = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])  # inputs of a neuron, at 8 spikes/s each
PUBLISHED_RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])  # spikes/s
INITIAL_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])  # mV, "optimised"
INITIAL_STD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])

DT, TAU_M, TAU_SYN, T_REF = 0.1 * u.ms, 10.0 * u.ms, 0.5 * u.ms, 2.0 * u.ms
CAPACITANCE, E_L, V_TH = 250.0 * u.pF, -65.0, -50.0  # potentials in mV; neurons are reset to E_L
BACKGROUND_RATE = 8.0 * u.Hz
TRANSIENT = 500.0 * u.ms  # is left out of the statistics


def current_of(psp: u.Quantity) -> float:
    """The amplitude in pA of an exponential current whose potential rises by so much."""
    tau_m, tau_s = TAU_M.to_decimal(u.ms), TAU_SYN.to_decimal(u.ms)
    ratio, exponent = tau_m / tau_s, 1 / (tau_s - tau_m)
    peak = tau_m * tau_s * exponent * (ratio ** (tau_m * exponent) - ratio ** (tau_s * exponent))
    return float((psp * CAPACITANCE / (peak * u.ms)).to_decimal(u.pA))


WEIGHT = current_of(0.15 * u.mV)  # 87.8 pA


class Network(NamedTuple):
    sizes: np.ndarray  # of the populations
    projections: tuple[brainevent.CSR, ...]  # of each population, to all neurons
    v: jax.Array  # at time 0, in mV above E_L
    constant: jax.Array  # input current of each neuron, pA
    poisson: jax.Array | None  # Poisson input: probabilities of up to so many spikes in a step, (neurons, counts)
    background_weight: float


def make_network(scale: float = 1.0, poisson: bool = True, seed: int = 0, progress: Any = lambda x: x) -> Network:
    """Draw connectivity and initial state."""
    sizes = np.maximum(np.rint(NEURONS * scale).astype(int), 1)
    pairs = np.outer(NEURONS, NEURONS)
    synapses = np.log1p(-PROBABILITY) / np.log1p(-1 / pairs)  # so that so many pairs have one at least
    strength = np.where(np.arange(8) % 2 == 0, WEIGHT, -4 * WEIGHT) * np.ones((8, 1))
    strength[0, 2] *= 2  # L4E to L2/3E

    lost = 1 - math.sqrt(scale)  # of the mean input, if weights grow by 1/sqrt(scale) only
    recurrent = (strength * synapses / NEURONS[:, None]) @ PUBLISHED_RATES
    outside = WEIGHT * BACKGROUND * BACKGROUND_RATE.to_decimal(u.Hz)
    constant = TAU_SYN.to_decimal(u.second) * (lost * recurrent + (lost if poisson else 1.0) * outside)

    begins = np.concatenate([[0], np.cumsum(sizes)])
    projections = [
        projection(source, sizes, begins, np.rint(synapses * scale**2).astype(int), strength / math.sqrt(scale), seed)
        for source in progress(range(8))
    ]
    rng = np.random.default_rng(seed)
    v = rng.normal(np.repeat(INITIAL_MEAN, sizes), np.repeat(INITIAL_STD, sizes)) - E_L
    table = None
    if poisson:
        mean = np.repeat(BACKGROUND * scale * float(BACKGROUND_RATE * DT), sizes)
        counts = np.arange(16)
        law = np.exp(counts * np.log(mean)[:, None] - mean[:, None] - [math.lgamma(k + 1) for k in counts])
        table = jnp.asarray(np.cumsum(law, axis=1), jnp.float32)
    each = jnp.asarray(np.repeat(constant, sizes), jnp.float32)
    return Network(sizes, tuple(projections), jnp.asarray(v, jnp.float32), each, table, WEIGHT / math.sqrt(scale))


def projection(
    source: int, sizes: np.ndarray, begins: np.ndarray, synapses: np.ndarray, strength: np.ndarray, seed: int
) -> brainevent.CSR:
    """All synapses of one population, in one matrix."""
    mean = 1.5 * u.ms if source % 2 == 0 else 0.75 * u.ms
    delay = brainevent.steps(connect.Normal(mean, 0.5 * mean, low=DT), DT)
    parts = []
    for target in range(8):
        w = strength[target, source]
        bounds = {"low": 0.0} if w > 0 else {"high": 0.0}
        parts.append(
            connect.fixed_total_number(
                int(sizes[source]),
                int(sizes[target]),
                int(synapses[target, source]),
                weight=connect.Normal(w, 0.1 * abs(w), **bounds),
                delay=delay,
                allow_multapses=True,
                seed=seed + 64 + 8 * target + source,
            )
        )
    counts = np.array([np.diff(part.indptr) for part in parts])
    pointers = np.concatenate([[0], np.cumsum(counts.sum(axis=0))]).astype(np.int32)
    weight, index = np.empty(pointers[-1], np.float32), np.empty(pointers[-1], np.int32)
    steps, place = np.empty(pointers[-1], np.uint8), pointers[:-1].copy()
    for target, part in enumerate(parts):  # the rows of a part go behind those of the parts before
        at = np.arange(part.nse, dtype=np.int32) + np.repeat(place - np.asarray(part.indptr)[:-1], counts[target])
        weight[at], index[at], steps[at] = part.data, np.asarray(part.indices) + begins[target], part.delay
        place += counts[target].astype(np.int32)
    shape = int(sizes[source]), int(begins[-1])
    return brainevent.CSR(weight, index, pointers, shape=shape, delay=steps, check=False)


# --- The simulation ---------------------------------------------------------------------------------------------------


class State(NamedTuple):
    v: jax.Array  # mV above E_L
    current: jax.Array  # synaptic, pA
    refractory: jax.Array  # steps
    ring: brainevent.DelayRing
    key: jax.Array


def simulate(network: Network, duration: u.Quantity, seed: int = 0, progress: Any = lambda chunks: chunks) -> Any:
    """(step, neuron) of every spike, and the seconds that the loop took."""
    h, tau_m, tau_s = (time.to_decimal(u.ms) for time in (DT, TAU_M, TAU_SYN))
    capacitance = CAPACITANCE.to_decimal(u.pF)
    # Exact integration (Rotter & Diesmann 1999).
    keep_v, keep_current = math.exp(-h / tau_m), math.exp(-h / tau_s)
    by_current = tau_s * tau_m / (capacitance * (tau_m - tau_s)) * (keep_v - keep_current)
    by_constant = tau_m / capacitance * (1 - keep_v)
    begins = np.concatenate([[0], np.cumsum(network.sizes)])
    n, threshold, rest = int(begins[-1]), V_TH - E_L, round(float(T_REF / DT))

    def step(model: Network, state: State) -> tuple[State, jax.Array]:
        now, ring = state.ring.pop()
        key, current = state.key, state.current + now
        if model.poisson is not None:
            key, of_step = jax.random.split(key)
            counts = jnp.sum(jax.random.uniform(of_step, (n, 1)) > model.poisson, axis=1)
            current += model.background_weight * counts
        v = keep_v * state.v + by_current * current + by_constant * model.constant
        v = jnp.where(state.refractory > 0, 0.0, v)
        spikes = v >= threshold
        for source, conn in enumerate(model.projections):
            ring = ring.add(brainevent.BinaryArray(spikes[begins[source] : begins[source + 1]]), conn)
        refractory = jnp.where(spikes, rest, jnp.maximum(state.refractory - 1, 0))
        return State(jnp.where(spikes, 0.0, v), current * keep_current, refractory, ring, key), spikes

    chunk = 500
    run = jax.jit(
        lambda arrays, state: jax.lax.scan(lambda s, _: step(network._replace(**arrays), s), state, length=chunk),
        donate_argnums=1,
    )
    arrays = {name: getattr(network, name) for name in ("projections", "constant", "poisson")}
    longest = max((int(conn.delay.max()) for conn in network.projections if conn.nse), default=1)
    zeros = jnp.zeros(n, jnp.float32)
    ring = brainevent.DelayRing(longest + 1, n)
    state = State(jnp.array(network.v), zeros, jnp.zeros(n, jnp.int32), ring, jax.random.key(seed))
    compiled = run.lower(arrays, state).compile()
    steps, neurons, started = [], [], time.perf_counter()
    for first in progress(range(0, round(float(duration / DT)), chunk)):
        state, spikes = compiled(arrays, state)
        at, which = np.nonzero(spikes)
        steps.append(at + first)
        neurons.append(which)
    return np.concatenate(steps), np.concatenate(neurons), time.perf_counter() - started


def statistics(network: Network, steps: np.ndarray, neurons: np.ndarray, duration: u.Quantity) -> list[Any]:
    """(rate in spikes/s, mean CV of the intervals) of each population, after the transient."""
    later = steps >= float(TRANSIENT / DT)
    steps, neurons = steps[later], neurons[later]
    order = np.lexsort((steps, neurons))
    steps, neurons = steps[order], neurons[order]
    found, seconds = [], (duration - TRANSIENT).to_decimal(u.second)
    begins = np.concatenate([[0], np.cumsum(network.sizes)])
    for begin, end in zip(begins[:-1], begins[1:]):
        low, high = np.searchsorted(neurons, [begin, end])
        trains = np.split(steps[low:high], np.flatnonzero(np.diff(neurons[low:high])) + 1)
        intervals = [np.diff(train) for train in trains if len(train) > 3]
        cv = np.mean([one.std() / one.mean() for one in intervals]) if intervals else math.nan
        found.append(((high - low) / (end - begin) / seconds, cv))
    return found


# --- The command ------------------------------------------------------------------------------------------------------


def draw(network: Network, steps: np.ndarray, neurons: np.ndarray, rates: np.ndarray, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    raster, bars = figure.subplots(1, 2, width_ratios=(2, 1))
    shown = (steps >= steps.max() - 4000) & (neurons % 20 == 0)
    population = np.searchsorted(np.cumsum(network.sizes), neurons[shown], side="right")
    raster.scatter(steps[shown] * 0.1, -neurons[shown], s=1, c=population % 2, cmap="coolwarm_r")
    raster.set(xlabel="time (ms)", yticks=[], ylabel="every 20th neuron, L2/3 above L6")
    bars.barh(np.arange(8) - 0.2, rates, 0.4, label="here")
    bars.barh(np.arange(8) + 0.2, PUBLISHED_RATES, 0.4, label="published")
    bars.set(yticks=range(8), yticklabels=POPULATIONS, xlabel="spikes/s")
    bars.invert_yaxis()
    bars.legend()
    figure.savefig(file, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The cortical microcircuit of Potjans and Diesmann (2014).")
    parser.add_argument("--scale", type=float, default=1.0, help="of neurons, and of the inputs of each")
    parser.add_argument("--input", choices=("poisson", "dc"), default="poisson", help="the background")
    parser.add_argument("--duration", type=float, default=10_500.0, help="ms, of which the first 500 are left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("microcircuit.png"))
    parser.add_argument("--no-progress", action="store_true")
    options = parser.parse_args(arguments)
    if not (0 < options.scale <= 1 and options.duration > 500):
        parser.error("--scale is above 0 and up to 1, and --duration longer than the transient of 500 ms")
    duration = options.duration * u.ms

    def progress(what: str) -> Any:
        return lambda items: tqdm(items, desc=what, disable=options.no_progress)

    started = time.perf_counter()
    network = make_network(options.scale, options.input == "poisson", options.seed, progress("connect"))
    synapses = sum(conn.nse for conn in network.projections)
    print(f"{network.sizes.sum():,} neurons, {synapses:,} synapses, made in {time.perf_counter() - started:.1f} s")
    steps, neurons, seconds = simulate(network, duration, options.seed, progress("simulate"))
    print(f"real-time factor {seconds / duration.to_decimal(u.second):.2f} ({options.input} input)")
    found = statistics(network, steps, neurons, duration)
    print("population  spikes/s  published  CV of intervals")
    for name, (rate, cv), published in zip(POPULATIONS, found, PUBLISHED_RATES, strict=True):
        print(f"{name:10s}  {rate:8.3f}  {published:9.3f}  {cv:15.2f}")
    draw(network, steps, neurons, np.array([rate for rate, _ in found]), options.output)
    print(f"picture: {options.output.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
