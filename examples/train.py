"""Training a spiking network with surrogate gradients, optax, and sparse connections.

    Neftci EO, Mostafa H, Zenke F (2019). Surrogate gradient learning in spiking neural networks. IEEE Signal Processing
    Magazine 36:51-63, https://doi.org/10.1109/MSP.2019.2931595; this surrogate: Zenke F, Ganguli S (2018). SuperSpike.
    Neural Computation 30:1514-1541, https://doi.org/10.1162/neco_a_01086.

The task is to distinguish four patterns of spikes. In a pattern, each of 100 inputs fires at a certain time. Each trial
shows a pattern with jittered spike times and some missing spikes. 80 leaky neurons receive 20 inputs each, and spikes
of ten other neurons. Four readout neurons, which don't spike, integrate the spikes of all 80 neurons, and the one with
the largest potential is the answer. The derivative of a spike is zero or undefined, so the backward pass replaces it by
the derivative of a smooth function. The picture shows loss and accuracy, and one trial of each pattern in the hidden
layer and the readout. Increase JITTER or MISSING until training fails, or change BETA, the steepness of the surrogate.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import simulation
from matplotlib.figure import Figure

import brainevent

INPUTS, HIDDEN, PATTERNS, STEPS = 100, 80, 4, 100  # steps of 1 ms
JITTER, MISSING = 8.0, 0.3  # ms; probability that a spike is missing
DECAY_V, DECAY_I, BETA = float(np.exp(-1 / 10)), float(np.exp(-1 / 5)), 10.0
TRIALS, LEARNING_RATE = 64, 5e-3  # per training step

Network = dict[str, Any]  # matrices by name


@jax.custom_jvp
def fires(v: jax.Array) -> jax.Array:
    """1.0 where the potential is above the threshold; floats have a gradient."""
    return (v > 1.0).astype(v.dtype)


@fires.defjvp
def surrogate(primals: Any, tangents: Any) -> Any:
    (v,), (dot,) = primals, tangents
    return fires(v), dot / (1 + BETA * jnp.abs(v - 1.0)) ** 2


def make_network(seed: int) -> Network:
    """Sparse connections with one weight per synapse; the readout is connected with all hidden neurons."""
    rule, normal = brainevent.connect.fixed_indegree, brainevent.connect.Normal
    return {
        "inputs": rule(INPUTS, HIDDEN, 20, weight=normal(0.15, 0.15), seed=3 * seed),
        "recurrent": rule(HIDDEN, HIDDEN, 10, weight=normal(0.0, 0.1), seed=3 * seed + 1),
        "readout": brainevent.Dense(0.1 * jax.random.normal(jax.random.key(seed), (HIDDEN, PATTERNS))),
    }


def trials(key: jax.Array, times: jax.Array, number: int) -> tuple[jax.Array, jax.Array]:
    """Spikes (steps, trials, inputs) of random patterns, and their labels; ``times`` is (patterns, inputs)."""
    which, jitter, missing = jax.random.split(key, 3)
    label = jax.random.randint(which, (number,), 0, PATTERNS)
    time = jnp.round(times[label] + JITTER * jax.random.normal(jitter, (number, INPUTS)))
    time = jnp.where(jax.random.bernoulli(missing, MISSING, time.shape), -1, time)
    return (jnp.arange(STEPS)[:, None, None] == time).astype(jnp.float32), label


def respond(network: Network, spikes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Hidden spikes (steps, trials, HIDDEN) and potentials of the readout (steps, trials, PATTERNS)."""

    def step(state: Any, spikes: jax.Array) -> Any:
        current, v, hidden, out = state
        arriving = brainevent.BinaryArray(spikes) @ network["inputs"]
        arriving = arriving + brainevent.BinaryArray(hidden) @ network["recurrent"]
        current = DECAY_I * current + arriving
        v = DECAY_V * v * (1 - jax.lax.stop_gradient(hidden)) + current  # neurons that fired are reset to 0
        hidden = fires(v)
        out = DECAY_V * out + brainevent.BinaryArray(hidden) @ network["readout"]
        return (current, v, hidden, out), (hidden, out)

    none = jnp.zeros((spikes.shape[1], HIDDEN))
    return jax.lax.scan(step, (none, none, none, jnp.zeros((spikes.shape[1], PATTERNS))), spikes)[1]


def loss(network: Network, spikes: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cross entropy with a penalty for high rates, and the accuracy."""
    hidden, out = respond(network, spikes)
    answer = out.max(axis=0)
    price = optax.softmax_cross_entropy_with_integer_labels(answer, label).mean()
    return price + 1e-4 * (hidden.sum(axis=0) ** 2).mean(), (answer.argmax(axis=1) == label).mean()


def train(steps: int, seed: int = 0) -> tuple[Network, jax.Array, np.ndarray]:
    """The network, the times of the patterns, and loss and accuracy in each training step, (steps, 2)."""
    keys = jax.random.split(jax.random.key(seed))
    times = jax.random.uniform(keys[0], (PATTERNS, INPUTS), minval=5.0, maxval=STEPS - 20.0)
    network = make_network(seed)
    optimiser = optax.adam(LEARNING_RATE)

    @jax.jit
    def learn(network: Network, times: jax.Array) -> Any:
        def step(carry: Any, number: jax.Array) -> Any:
            network, state = carry
            shown = trials(jax.random.fold_in(keys[1], number), times, TRIALS)
            (value, right), gradient = brainevent.value_and_grad(loss, has_aux=True)(network, *shown)
            weights = brainevent.weights(network)
            updates, state = optimiser.update(gradient, state, weights)
            network = brainevent.with_weights(network, optax.apply_updates(weights, updates))
            return (network, state), jnp.stack([value, right])

        state = optimiser.init(brainevent.weights(network))
        (network, _), course = jax.lax.scan(step, (network, state), jnp.arange(steps))
        return network, course

    network, course = learn(network, times)
    return network, times, np.asarray(course)


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(
        __doc__,
        picture="train.png",
        arguments=arguments,
        steps={"type": int, "default": 100, "help": "of learning (default 100)"},
    )
    (network, times, course), seconds = simulation.timed(lambda: train(given.steps, given.seed))
    shown, label = trials(jax.random.key(given.seed + 1), times, 400)
    _, right = loss(network, shown, label)
    hidden, out = respond(network, shown)
    print(f"learning     {given.steps} steps of {TRIALS} trials in {seconds:.1f} s")
    print(f"loss         {course[0, 0]:.2f} at first, {course[-1, 0]:.2f} in the end")
    print(f"accuracy     {right:.1%} of {label.size} new trials; chance is {1 / PATTERNS:.0%}")
    print(f"rate         {1000 * float(hidden.mean()):.1f} Hz in the hidden layer")

    drawn = Figure(figsize=(9, 6.5), dpi=120, layout="constrained", facecolor="white")
    grid = drawn.add_gridspec(3, PATTERNS)
    left, middle = drawn.add_subplot(grid[0, :2]), drawn.add_subplot(grid[0, 2:])
    left.plot(course[:, 0], color=simulation.COLORS[0])
    left.set(xlabel="step of learning", ylabel="loss")
    middle.plot(course[:, 1], color=simulation.COLORS[1])
    middle.set(xlabel="step of learning", ylabel="accuracy", ylim=(0, 1.05))
    for pattern in range(PATTERNS):
        trial = int(np.argmax(np.asarray(label) == pattern))
        raster, readout = drawn.add_subplot(grid[1, pattern]), drawn.add_subplot(grid[2, pattern])
        raster.plot(*np.nonzero(hidden[:, trial]), ".", markersize=3, color="0.3")
        raster.set_title(f"pattern {pattern}", loc="left", fontsize="medium")
        for one in range(PATTERNS):
            readout.plot(out[:, trial, one], color=simulation.COLORS[one], linewidth=2.5 if one == pattern else 1)
        raster.set(xlim=(0, STEPS), ylim=(0, HIDDEN))
        readout.set(xlabel="time (ms)", xlim=(0, STEPS))
    drawn.axes[2].set_ylabel("hidden neuron")
    drawn.axes[3].set_ylabel("readout")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
