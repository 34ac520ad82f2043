"""Coincidence detection with delays: neurons that find the direction of a sound from interaural time differences.

    Jeffress LA (1948). A place theory of sound localization. J. Comp. Physiol. Psychol. 41:35-39,
    https://doi.org/10.1037/h0061495; in the barn owl: Carr CE, Konishi M (1990). A circuit for detection of interaural
    time differences in the brain stem of the barn owl. J. Neurosci. 10:3227-3246,
    https://doi.org/10.1523/JNEUROSCI.10-10-03227.1990.

Each ear is a population of fibres that fire in phase with a tone. A row of detectors receives spikes from both ears,
through axons of different lengths: delays from the left ear increase along the row, delays from the right ear decrease.
A detector fires if the difference of its delays compensates the interaural time difference, because only then spikes
from both ears arrive within its short membrane time constant. The source moves from left to right and back, and the
activity in the picture moves with it: a difference in time is represented as a place in the row.
"""

import math
import sys
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation

import brainevent

FIBRES, DETECTORS = 200, 61  # in each ear
DT = 0.01 * u.ms
TONE, LARGEST = 500.0 * u.Hz, 0.3 * u.ms  # frequency, and the largest interaural time difference
FIRES = 0.3  # probability that a fibre fires in a period
JITTER = 0.05 * u.ms
TAU, THRESHOLD = 0.1 * u.ms, 55.0  # membrane time constant; number of spikes that make a detector fire
REFRACTORY = 1.0 * u.ms
TURN = 400.0 * u.ms  # period of the movement from left to right and back


class Model(NamedTuple):
    left: brainevent.CSR  # (FIBRES, DETECTORS), delays by detector
    right: brainevent.CSR
    key: jax.Array


class State(NamedTuple):
    v: jax.Array  # leaky sum of the spikes at each detector
    refractory: jax.Array
    ring: brainevent.DelayRing


def preferred() -> u.Quantity:
    """The preferred interaural time difference of each detector; positive if the left ear is later."""
    return np.linspace(-1, 1, DETECTORS) * LARGEST


def make_model(seed: int) -> Model:
    def axons(delay: u.Quantity) -> brainevent.CSR:
        steps = brainevent.steps(delay, DT)
        return brainevent.connect.all_to_all(FIBRES, DETECTORS, weight=1.0, delay=np.tile(steps, FIBRES))

    shortest = 0.1 * u.ms
    return Model(
        left=axons(shortest + (LARGEST - preferred()) / 2),
        right=axons(shortest + (LARGEST + preferred()) / 2),
        key=jax.random.key(seed),
    )


def difference(time: u.Quantity) -> u.Quantity:
    """The interaural time difference: how much later the sound reaches the left ear."""
    return LARGEST * -u.math.cos(2 * math.pi * time / TURN)


def fibres(key: jax.Array, time: u.Quantity) -> jax.Array:
    """The fibres of an ear that fire: near phase 0 of the tone, with some jitter."""
    period = 1 / TONE
    phase = u.math.abs((time / period + 0.5) % 1 - 0.5) * period
    density = jnp.exp(-0.5 * (phase / JITTER) ** 2) / math.sqrt(2 * math.pi)
    return jax.random.bernoulli(key, FIRES * density * float(DT / JITTER), (FIBRES,))


def step(model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
    time, keys = number * DT, jax.random.split(jax.random.fold_in(model.key, number))
    left = fibres(keys[0], time - difference(time) / 2)
    right = fibres(keys[1], time + difference(time) / 2)
    arriving, ring = state.ring.pop()
    ring = ring.add(brainevent.BinaryArray(left), model.left).add(brainevent.BinaryArray(right), model.right)
    v = state.v * math.exp(-float(DT / TAU)) + arriving
    spikes = (v >= THRESHOLD) & (state.refractory == 0)
    refractory = jnp.where(spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))
    return State(v, refractory, ring), (spikes, difference(time).to_decimal(u.ms))


def simulate(duration: float, seed: int = 0, progress: bool = False) -> tuple[simulation.Spikes, np.ndarray]:
    ring = brainevent.DelayRing(slots=64, n_post=DETECTORS)
    state = State(jnp.zeros(DETECTORS), jnp.zeros(DETECTORS, jnp.int32), ring)
    dt = float(DT.to_decimal(u.ms))
    _, spikes, heard = simulation.run(
        step, make_model(seed), state, duration=duration, dt=dt, progress=progress, chunk=5000
    )
    return spikes, heard


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=800.0, picture="coincidence.png", arguments=arguments)
    (spikes, heard), seconds = simulation.timed(lambda: simulate(given.duration, given.seed, given.progress))
    simulation.report({"detectors": spikes}, seconds)
    place = preferred().to_decimal(u.ms)[spikes.neuron]
    error = place - heard[np.rint(spikes.time / float(DT.to_decimal(u.ms))).astype(int) - 1]
    print(f"found        the difference of the ears within {1000 * np.sqrt(np.mean(error**2)):.0f} us")
    drawn, (axes,) = simulation.figure(2.5)
    axes.plot(spikes.time, place * 1000, ".", markersize=3, color=simulation.COLORS[0], label="spikes of detectors")
    axes.plot(np.arange(1, heard.size + 1) * float(DT.to_decimal(u.ms)), heard * 1000, color="0.3", label="source")
    axes.set_ylabel("difference between the ears (us)")
    axes.legend(frameon=False, loc="upper center")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
