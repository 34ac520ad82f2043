"""A connectome from an edge list, with some neurons stimulated and others silenced.

    Shiu PK, Sterne GR, Spiller N, et al. (2024). A Drosophila computational brain model reveals sensorimotor
    processing. Nature 634:210-219, https://doi.org/10.1038/s41586-024-07763-9.

The model of this paper has one model neuron for each neuron of the fly's brain, all with the same parameters. The
neurons differ only in their connections: which neurons are connected, by how many synapses, and whether the presynaptic
neuron is excitatory or inhibitory. All of this is read from a table of edges, a file with the columns pre, post,
synapses and sign, and with 18-digit ids. Without a file, the program generates a small brain with sensory neurons, two
layers of interneurons, motor neurons, and inhibitory neurons. The picture shows its activity while the sensory neurons
are stimulated, and once more with the inhibitory neurons silenced. Use --edges for your own table, and --stimulate and
--silence to choose neurons by their ids.

    TAU_M v' = REST - v + g,  TAU_SYN g' = -g; a spike adds sign * synapses * W to g, DELAY later
"""

import math
import sys
from pathlib import Path
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation

import brainevent

DT = 0.1 * u.ms
REST, THRESHOLD, RESET, REFRACTORY = -52.0 * u.mV, -45.0 * u.mV, -52.0 * u.mV, 2.2 * u.ms
TAU_M, TAU_SYN, DELAY = 20.0 * u.ms, 5.0 * u.ms, 1.8 * u.ms
W = 0.275 * u.mV  # of one synapse
STIMULUS = 150.0 * u.Hz  # Poisson input of stimulated neurons; each input spike makes them fire

LAYERS = {"sensory": 100, "first": 300, "second": 500, "motor": 100, "inhibitory": 200}  # of the generated brain


class Edges(NamedTuple):
    pre: np.ndarray  # integer ids; floats would lose the last digits
    post: np.ndarray
    synapses: np.ndarray
    sign: np.ndarray


class Model(NamedTuple):
    synapses: brainevent.CSR  # (n, n), with a delay
    stimulated: jax.Array
    alive: jax.Array
    key: jax.Array


class State(NamedTuple):
    v: u.Quantity
    g: u.Quantity
    refractory: jax.Array
    ring: brainevent.DelayRing


def small_brain(seed: int = 0) -> tuple[Edges, dict[str, np.ndarray]]:
    """Random edges between successive layers, and the ids of each layer."""
    rng = np.random.default_rng(seed)
    every = 720575940600000000 + rng.choice(10**8, sum(LAYERS.values()), replace=False)
    ids = dict(zip(LAYERS, np.split(every, np.cumsum(list(LAYERS.values()))[:-1]), strict=True))
    forward = [("sensory", "first"), ("first", "second"), ("second", "motor"), ("second", "inhibitory")]
    pairs = [(pre, post, 1) for pre, post in forward] + [("inhibitory", "second", -1), ("inhibitory", "motor", -1)]
    pieces = []
    for pre, post, sign in pairs:
        number = 15 * LAYERS[post]
        columns = rng.choice(ids[pre], number), rng.choice(ids[post], number), rng.geometric(0.2, number) + 4
        pieces.append((*columns, np.full(number, sign)))
    return Edges(*map(np.concatenate, zip(*pieces, strict=True))), ids


def read(path: Path) -> Edges:
    """Read the columns pre, post, synapses and sign of a CSV file with a header."""
    return Edges(*np.loadtxt(path, dtype=np.int64, delimiter=",", skiprows=1, unpack=True))


def make_model(edges: Edges, stimulate: np.ndarray, silence: np.ndarray, seed: int = 0) -> tuple[Model, np.ndarray]:
    """The model, and the id of each of its neurons."""
    ids = np.unique(np.concatenate([edges.pre, edges.post]))
    weights = (edges.synapses * edges.sign).astype(np.float32)
    listed = brainevent.from_edges(edges.pre, edges.post, weights * W, pre_ids=ids, post_ids=ids)
    model = Model(
        synapses=listed.matrix.tocsr().with_delay(brainevent.steps(DELAY, DT)),
        stimulated=jnp.asarray(np.isin(ids, stimulate)),
        alive=jnp.asarray(~np.isin(ids, silence)),
        key=jax.random.key(seed),
    )
    return model, ids


def step(model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, None]]:
    arriving, ring = state.ring.pop()
    g = state.g * math.exp(-float(DT / TAU_SYN)) + arriving
    v = REST + g + (state.v - REST - g) * math.exp(-float(DT / TAU_M))
    v = u.math.where(state.refractory > 0, RESET, v)
    stimulus = jax.random.bernoulli(jax.random.fold_in(model.key, number), float(STIMULUS * DT), v.shape)
    spikes = ((v > THRESHOLD) | (stimulus & model.stimulated)) & model.alive
    refractory = jnp.where(spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))
    ring = ring.add(brainevent.BinaryArray(spikes), model.synapses)
    return State(u.math.where(spikes, RESET, v), g, refractory, ring), (spikes, None)


def simulate(model: Model, duration: float, progress: bool = False) -> simulation.Spikes:
    n = model.alive.shape[0]
    ring = brainevent.DelayRing(brainevent.steps(DELAY, DT) + 1, n, unit=u.mV)
    state = State(jnp.full(n, 1.0) * REST, jnp.zeros(n) * u.mV, jnp.zeros(n, jnp.int32), ring)
    dt = float(DT.to_decimal(u.ms))
    return simulation.run(step, model, state, duration=duration, dt=dt, progress=progress)[1]


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(
        __doc__,
        duration=500.0,
        picture="connectome.png",
        arguments=arguments,
        edges={"type": Path, "help": "a table of edges (default: a small brain)"},
        stimulate={"type": int, "nargs": "*", "metavar": "ID", "help": "ids of neurons"},
        silence={"type": int, "nargs": "*", "metavar": "ID", "help": "ids of neurons"},
    )
    if given.edges is None:
        edges, groups = small_brain(given.seed)
        stimulate, silence = groups["sensory"], groups["inhibitory"]
    else:
        edges = read(given.edges)
        groups = {"neurons": np.unique(np.concatenate([edges.pre, edges.post]))}
        stimulate, silence = np.array(given.stimulate or []), np.array(given.silence or [])
    drawn, axes = simulation.figure(2, 2)
    for panel, silenced in zip(axes, (np.array([], np.int64), silence), strict=True):
        model, ids = make_model(edges, stimulate, silenced, given.seed)
        spikes, seconds = simulation.timed(lambda model=model: simulate(model, given.duration, given.progress))
        print(f"silenced     {silenced.size} of {ids.size:,} neurons, {model.synapses.nse:,} edges")
        populations = {}
        for name, group in groups.items():  # ids are sorted, layers are not: number the neurons of each from 0
            within = np.isin(ids, group)
            chosen = within[spikes.neuron]
            place = np.cumsum(within) - 1
            populations[name] = simulation.Spikes(
                spikes.time[chosen], place[spikes.neuron[chosen]], group.size, spikes.duration
            )
        simulation.report(populations, seconds)
        simulation.raster(panel, populations, shown=300)
        panel.set_title(f"{silenced.size} neurons silenced" if silenced.size else "intact", loc="left")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
