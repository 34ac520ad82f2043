"""Your own operator with derivatives: filters of spike trains with trainable time constants.

    van Rossum MCW (2001). A novel spike distance. Neural Computation 13:751-763,
    https://doi.org/10.1162/089976601300014321.

Van Rossum's distance compares spike trains after exponential filtering. The filter is a loop over time,
y[t] = decay * y[t - 1] + x[t]. It is written once, in Numba, for all neurons, and runs as machine code inside the
compiled program. The two derivatives that are declared below it, with respect to the spikes and the decay, make it
differentiable. The program learns the time constants of 50 filters from their noisy responses to Poisson spikes. The
picture shows the learned time constants against the true ones, and the loss. Try other values of RATE or NOISE: fewer
spikes or more noise make the time constants harder to learn.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import simulation
from jax.interpreters import ad
from matplotlib.figure import Figure

import brainevent

FILTERS, RATE, DT, NOISE = 50, 40.0, 1.0, 0.2  # RATE in Hz, DT in ms; NOISE relative to the amplitude of a spike
STEPS, LEARNING_RATE = 150, 0.1

# --- The operator -----------------------------------------------------------------------------------------------------

leaky = brainevent.XLACustomKernel("example.leaky")


def outputs(x, decay, *, reverse):
    """Shapes: x (time, neurons), decay (neurons,)."""
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def reference(x, decay, *, reverse):
    """The reference: the loop over time as a scan, forwards, or backwards for the transpose."""

    def step(y, x):
        y = decay * y + x
        return y, y

    return jax.lax.scan(step, jnp.zeros_like(x[0]), x, reverse=reverse)[1]


def generate(*, reverse, outs):
    """The kernel for one direction."""

    @brainevent.numba_kernel(outs=outs, name="leaky")
    def kernel(x, decay, out):
        steps, neurons = x.shape
        for number in range(steps):
            now = steps - 1 - number if reverse else number
            for i in range(neurons):
                before = 0.0 if number == 0 else out[now + 1 if reverse else now - 1, i]
                out[now, i] = decay[i] * before + x[now, i]

    return kernel


def by_x(dot, x, decay, *, reverse):
    """The filter is linear in the spikes."""
    return leaky(dot, decay, reverse=reverse)


def by_decay(dot, x, decay, *, reverse):
    """dy[t] = decay * dy[t - 1] + y[t - 1]: the same filter, applied to its output one step earlier."""
    y = leaky(x, decay, reverse=reverse)
    none = jnp.zeros_like(y[:1])
    earlier = jnp.concatenate([y[1:], none]) if reverse else jnp.concatenate([none, y[:-1]])
    return leaky(earlier * dot, decay, reverse=reverse)


def transpose(ct, x, decay, *, reverse):
    """The transpose of a filter runs backwards in time."""
    return [leaky(ct, decay, reverse=not reverse) if ad.is_undefined_primal(x) else None, None]


leaky.def_abstract_eval(outputs)
leaky.def_reference(reference)
leaky.def_numba_kernel(generate)
brainevent.defjvp(leaky, by_x, by_decay)
leaky.def_transpose_rule(transpose)


# --- The experiment ---------------------------------------------------------------------------------------------------


def filtered(spikes: jax.Array, log_tau: jax.Array) -> jax.Array:
    """Spike trains (time, neurons) after exponential filters with these time constants."""
    return leaky(spikes, jnp.exp(-DT / jnp.exp(log_tau)), reverse=False)


def distance(log_tau: jax.Array, spikes: jax.Array, target: jax.Array) -> jax.Array:
    """Van Rossum's distance, averaged over filters."""
    return jnp.mean((filtered(spikes, log_tau) - target) ** 2)


def learn(duration: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true and the learned time constants, in ms, and the loss in each training step."""
    keys = jax.random.split(jax.random.key(seed), 3)
    spikes = jax.random.bernoulli(keys[0], RATE * DT / 1000, (round(duration / DT), FILTERS)).astype(jnp.float32)
    true = jax.random.uniform(keys[1], (FILTERS,), minval=jnp.log(3.0), maxval=jnp.log(60.0))
    optimiser = optax.adam(LEARNING_RATE)

    @jax.jit
    def train(log_tau, spikes, target):
        def step(carry, _):
            log_tau, state = carry
            loss, gradient = jax.value_and_grad(distance)(log_tau, spikes, target)
            updates, state = optimiser.update(gradient, state)
            return (optax.apply_updates(log_tau, updates), state), loss

        (log_tau, _), losses = jax.lax.scan(step, (log_tau, optimiser.init(log_tau)), length=STEPS)
        return log_tau, losses

    target = filtered(spikes, true) + NOISE * jax.random.normal(keys[2], spikes.shape)
    found, losses = train(jnp.full(FILTERS, jnp.log(15.0)), spikes, target)
    return np.exp(true), np.exp(found), np.asarray(losses)


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=2000.0, picture="own_operator.png", arguments=arguments)
    (true, found, losses), seconds = simulation.timed(lambda: learn(given.duration, given.seed))
    print(f"spikes       at {RATE:g} Hz for {given.duration:g} ms, through {FILTERS} filters")
    print(f"loss         {losses[0]:.2g} at first, {losses[-1]:.2g} after {STEPS} steps, in {seconds:.2f} s")
    print(f"found        time constants within {100 * np.max(np.abs(found / true - 1)):.2g} %")
    drawn = Figure(figsize=(9, 4), dpi=120, layout="constrained", facecolor="white")
    left, right = drawn.subplots(1, 2)
    left.plot([3, 60], [3, 60], color="0.7")
    left.plot(true, found, "o", color=simulation.COLORS[1])
    left.set(xlabel="true time constant (ms)", ylabel="found (ms)")
    right.semilogy(losses, color=simulation.COLORS[0])
    right.set(xlabel="step of learning", ylabel="distance")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
