"""The cortical microcircuit: 77,169 neurons and 0.3 billion synapses under 1 mm² of cortex.

    Potjans TC, Diesmann M (2014). The cell-type specific cortical microcircuit: relating structure and activity in a
    full-scale spiking network model. Cereb. Cortex 24:785-806, https://doi.org/10.1093/cercor/bhs358.

Four layers of excitatory and inhibitory neurons, with connectivity from cat and rat, are spontaneously active: they
fire irregularly, with rates that differ between layers as in the animal. The model is a standard benchmark of
simulators. All parameters are those of the paper, except the initial potentials and the reference rates, which are
those of its current implementation (https://github.com/INM-6/microcircuit-PD14-model).

A smaller network (``--scale``) has fewer neurons and fewer synapses per neuron. To keep the firing rates, synapses are
made stronger, and a constant current replaces the mean of the missing input:

    van Albada SJ, Helias M, Diesmann M (2015). Scalability of asynchronous networks is limited by one-to-one mapping
    between effective connectivity and correlations. PLoS Comput. Biol. 11:e1004490,
    https://doi.org/10.1371/journal.pcbi.1004490.
"""

import functools
import math
import sys
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation
from tqdm import tqdm

import brainevent

NAMES = ("L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
# Connection probabilities from the population of the column to that of the row.
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])  # Hz, reference rates
EXTERNAL_INPUTS = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])  # synapses per neuron
EXTERNAL_RATE = 8.0 * u.Hz  # per input

DT = 0.1 * u.ms
CAPACITANCE, TAU_M, TAU_SYN, REFRACTORY = 250.0 * u.pF, 10.0 * u.ms, 0.5 * u.ms, 2.0 * u.ms
THRESHOLD = 15.0  # mV above rest (-65 mV), which is also the reset potential
PSP, INHIBITION, RELATIVE_SD = 0.15 * u.mV, -4.0, 0.1  # peak; relative strength of inhibition, relative spread
STRONGER = {("L4E", "L2/3E"): 2.0}  # from, to
DELAY_EXC, DELAY_INH = 1.5 * u.ms, 0.75 * u.ms  # means; the standard deviations are half of them
INITIAL_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])  # mV
INITIAL_SD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])
SLOTS = 128  # of the ring buffer; one delay in 10^15 is longer


class Model(NamedTuple):
    """A network, with all populations in the same arrays.

    Attributes:
        synapses: (n, n), weights in pA, with a delay each.
        current: (n,), constant input.
        weight: of an external spike.
        key: of external spikes.
    """

    synapses: brainevent.CSR
    current: u.Quantity
    weight: u.Quantity
    key: jax.Array


class State(NamedTuple):
    v: u.Quantity  # above rest
    current: u.Quantity
    refractory: jax.Array  # steps until a neuron can fire again
    ring: brainevent.DelayRing  # input that arrives in the next steps


# --- The network ------------------------------------------------------------------------------------------------------


def populations(scale: float) -> dict[str, range]:
    """The index range of each population."""
    ends = np.cumsum([0, *np.rint(SIZES * scale).astype(int)])
    return {name: range(begin, end) for name, begin, end in zip(NAMES, ends, ends[1:], strict=False)}


def make_model(scale: float, seed: int, *, external: str = "poisson", progress: bool = False) -> tuple[Model, State]:
    """A network of ``scale`` times the neurons, each with ``scale`` times the synapses."""
    inputs = -np.log1p(-PROBABILITIES) * SIZES  # synapses per neuron in the network of full size
    weight = current_of(PSP)
    weights = np.where(np.arange(8) % 2, INHIBITION, 1.0) * np.ones((8, 8))
    for (pre, post), factor in STRONGER.items():
        weights[NAMES.index(post), NAMES.index(pre)] *= factor

    # Input in units of external spikes. With `scale` times the synapses, each stronger by 1/sqrt(scale), the variance
    # of the input stays the same and its mean is multiplied by sqrt(scale); a current replaces the difference.
    stronger = 1 / math.sqrt(scale)
    outside = EXTERNAL_INPUTS * float(EXTERNAL_RATE * TAU_SYN)
    inside = (weights * inputs) @ RATES * float(u.Hz * TAU_SYN)
    random = external == "poisson"
    constant = (1 - math.sqrt(scale)) * (inside + outside) if random else outside + (1 - math.sqrt(scale)) * inside
    each = np.repeat(np.arange(8), [len(one) for one in populations(scale).values()])
    model = Model(
        synapses=make_synapses(scale, seed, inputs * scale, weights * stronger * weight, progress),
        current=jnp.asarray(constant[each], jnp.float32) * weight,
        weight=weight * stronger,
        key=jax.random.key(seed),
    )
    rng = np.random.default_rng(seed)
    v = 65.0 + INITIAL_MEAN[each] + INITIAL_SD[each] * rng.standard_normal(each.size)
    return model, State(
        v=jnp.asarray(v, jnp.float32) * u.mV,
        current=jnp.zeros(each.size) * u.pA,
        refractory=jnp.zeros(each.size, jnp.int8),
        ring=brainevent.DelayRing(SLOTS, each.size, unit=u.pA),
    )


def make_synapses(scale: float, seed: int, inputs: np.ndarray, weights: u.Quantity, progress: bool) -> brainevent.CSR:
    """Draw the synapses of each pair of populations, and put them into one matrix, a row for each neuron.

    There is one matrix, so that a step needs only one call. It is filled block by block, because two copies of all
    synapses would not fit into the memory of a laptop.
    """
    groups = list(populations(scale).values())
    n = groups[-1].stop
    numbers = np.rint(inputs * [[len(post)] for post in groups]).astype(int)
    targets = np.empty(numbers.sum(), np.int32)
    strengths, delays = np.empty(targets.size, np.float32), np.empty(targets.size, np.uint8)
    pointers = np.zeros(n + 1, np.int32 if targets.size < 2**31 else np.int64)
    begin = 0
    with tqdm(total=targets.size, unit="synapses", unit_scale=True, disable=None if progress else True) as bar:
        for source, pre in enumerate(groups):
            delay = DELAY_INH if source % 2 else DELAY_EXC
            blocks = {
                target: brainevent.connect.fixed_total_number(
                    len(pre),
                    len(post),
                    int(numbers[target, source]),
                    weight=normal(weights[target, source]),
                    delay=brainevent.steps(brainevent.connect.Normal(delay, delay / 2, low=DT), DT),
                    seed=(seed * 8 + source) * 8 + target,
                    allow_multapses=True,
                )
                for target, post in enumerate(groups)
                if numbers[target, source]
            }
            per_row = sum(np.diff(np.asarray(block.indptr)) for block in blocks.values())
            pointers[pre.start + 1 : pre.stop + 1] = begin + np.cumsum(per_row)
            free = pointers[pre.start : pre.stop].copy()  # the position of the next block in each row
            while blocks:
                target, block = blocks.popitem()
                bounds = np.asarray(block.indptr)
                place = np.repeat(free - bounds[:-1], np.diff(bounds)) + np.arange(block.nse, dtype=free.dtype)
                targets[place] = np.asarray(block.indices) + groups[target].start
                strengths[place] = np.asarray(block.data.to_decimal(u.pA))
                delays[place] = np.asarray(block.delay)
                free += np.diff(bounds)
                bar.update(block.nse)
            begin = int(pointers[pre.stop])
    # JAX copies arrays in the background. Waiting for each copy frees the original before the next copy begins.
    strengths = jax.block_until_ready(jnp.asarray(strengths))
    targets = jax.block_until_ready(jnp.asarray(targets))
    delays = jax.block_until_ready(jnp.asarray(delays))
    data = u.Quantity(strengths, unit=u.pA)
    return brainevent.CSR((data, targets, pointers), shape=(n, n), delay=delays, check=False)


def normal(mean: u.Quantity) -> brainevent.connect.Normal:
    """A normal distribution that is truncated at zero."""
    bound = {"low": 0 * u.pA} if mean > 0 * u.pA else {"high": 0 * u.pA}
    return brainevent.connect.Normal(mean, abs(mean) * RELATIVE_SD, **bound)


def current_of(psp: u.Quantity) -> u.Quantity:
    """The amplitude of a synaptic current with a postsynaptic potential of peak ``psp``."""
    peak = math.log(TAU_M / TAU_SYN) * TAU_M * TAU_SYN / (TAU_M - TAU_SYN)
    return (psp / reaches_v(peak)).in_unit(u.pA)


# --- A step -----------------------------------------------------------------------------------------------------------


class Population(NamedTuple):
    """Static parameters of a population."""

    size: int
    external: float  # mean number of external spikes per neuron and step


def told_of_populations(scale: float, external: str) -> list[Population]:
    means = EXTERNAL_INPUTS * scale * float(EXTERNAL_RATE * DT) * (external == "poisson")
    return [Population(len(group), mean) for group, mean in zip(populations(scale).values(), means, strict=True)]


def step(
    groups: list[Population], model: Model, state: State, number: jax.Array
) -> tuple[State, tuple[jax.Array, None]]:
    """Advance by DT, with the exact solution of the linear equations (Rotter and Diesmann 1999)."""
    constant = (1 - left_of(TAU_M, DT)) * TAU_M / CAPACITANCE * model.current
    v = state.v * left_of(TAU_M, DT) + state.current * reaches_v(DT) + constant
    v = u.math.where(state.refractory > 0, 0 * u.mV, v)
    spikes = v >= THRESHOLD * u.mV

    # Spikes that arrive at the end of this step act in the next step, as in NEST.
    arriving, ring = state.ring.add(brainevent.BinaryArray(spikes), model.synapses).pop()
    current = state.current * left_of(TAU_SYN, DT) + arriving
    if any(group.external for group in groups):
        draws = jnp.split(
            simulation.uniform(jax.random.fold_in(model.key, number), v.shape[0]),
            np.cumsum([group.size for group in groups])[:-1],
        )
        counts = [simulation.poisson(draw, group.external) for draw, group in zip(draws, groups, strict=True)]
        current = current + model.weight * jnp.concatenate(counts)
    refractory = jnp.where(spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))
    v = u.math.where(spikes, 0 * u.mV, v)
    return State(v, current, refractory.astype(jnp.int8), ring), (spikes, None)


def simulate(
    scale: float, duration: float, seed: int, *, external: str = "poisson", progress: bool = False
) -> tuple[Model, simulation.Spikes, tuple[float, float]]:
    """The network, its spikes, and the seconds for construction and simulation."""
    (model, state), making = simulation.timed(lambda: make_model(scale, seed, external=external, progress=progress))
    groups = told_of_populations(scale, external)
    (_, spikes, _), running = simulation.timed(
        lambda: simulation.run(
            functools.partial(step, groups),
            model,
            state,
            duration=duration,
            dt=float(DT.to_decimal(u.ms)),
            progress=progress,
        )
    )
    return model, spikes, (making, running)


def left_of(tau: u.Quantity, time: u.Quantity) -> float:
    """The decay factor for a time."""
    return math.exp(-float(time / tau))


def reaches_v(time: u.Quantity) -> u.Quantity:
    """The change of the potential after a time, by a synaptic current that decays from 1."""
    return (left_of(TAU_M, time) - left_of(TAU_SYN, time)) / (1 / TAU_SYN - 1 / TAU_M) / CAPACITANCE


# --- The command ------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(
        __doc__,
        duration=1000.0,
        picture="microcircuit.png",
        arguments=arguments,
        scale={"type": float, "default": 0.1, "help": "of neurons and of synapses per neuron (default 0.1)"},
        external={"choices": ["poisson", "dc"], "default": "poisson", "help": "input (default poisson)"},
        warmup={"type": float, "default": 500.0, "metavar": "MS", "help": "left out of statistics (default 500)"},
    )
    model, spikes, (making, running) = simulate(
        given.scale, given.warmup + given.duration, given.seed, external=given.external, progress=given.progress
    )
    print(f"network      {model.synapses.shape[0]:,} neurons, {model.synapses.nse:,} synapses, made in {making:.1f} s")
    measured = {name: spikes.after(given.warmup).of(group) for name, group in populations(given.scale).items()}
    simulation.report(measured)
    total = (given.warmup + given.duration) / 1000
    print(f"time         {running:.1f} s for {total:g} s of biological time, {running / total:.2f} times as long")
    print("published    " + ", ".join(f"{name} {rate} Hz" for name, rate in zip(NAMES, RATES, strict=True)))

    drawn, (raster, rates) = simulation.figure(3, 1)
    simulation.raster(raster, dict(reversed(measured.items())), shown=2000, colors=simulation.COLORS[1::-1])
    rates.hist(spikes.after(given.warmup).time, np.arange(0, given.duration + 2, 2.0), color="0.4")
    rates.set_ylabel("spikes in 2 ms")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
