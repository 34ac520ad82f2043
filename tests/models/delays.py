"""Delayed events, for every matrix class and under every transform, compared with a plain queue in NumPy.

The model is a list of synapses (presynaptic and postsynaptic neuron, weight, delay) and a queue with an array for each
future step; it uses no code of the library. Derivatives are those of what it computes, which is linear in weights and
in numbers; events are straight-through.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from tests.models.products import EVENTS, INDEX, MATRICES, random_structure

from brainevent_core import DelayRing, config
from brainevent_core.testing.numerics import TOLERANCES, tolerance, x64
from brainevent_core.testing.pairwise import table_rows

__all__ = ["DelayCase", "Queue", "check_delays", "delay_cases"]

#: Steps of a program, and slots of its ring: the ring wraps around, and the longest delay just fits.
STEPS, SLOTS, BATCH = 7, 5, 2

_MATRICES = [name for name in MATRICES if name != "Dense"]

#: Kinds of delays, and the shape of each, as a function of the shapes of the matrix and of the weights.
EXTENTS: dict[str, Callable[[tuple[int, int], tuple[int, ...]], tuple[int, ...]]] = {
    "all": lambda shape, per_entry: (),
    "row": lambda shape, per_entry: (shape[0], 1),
    "entry": lambda shape, per_entry: per_entry,
}


@dataclass(frozen=True)
class DelayCase:
    """One cell of the table.

    Attributes:
        matrix: a key of ``MATRICES``.
        transposed: whether spikes go through ``matrix.T``.
        delays: the kind of delays, a key of ``EXTENTS``.
        steps: dtype of the delays.
        spikes: kind of the events, a key of ``EVENTS``; "float" and "mask" mean plain arrays.
        transform: the key of a check in this module.
        homogeneous: one weight for all entries.
        dtype: dtype of the weights.
        unit: whether the weights are in millivolt, and the ring in volt; floats are then in siemens.
        backend: the requested backend.
    """

    matrix: str
    transposed: bool
    delays: str
    steps: str
    spikes: str
    transform: str
    homogeneous: bool
    dtype: str
    unit: bool
    backend: str

    def __str__(self) -> str:
        matrix = f"{self.matrix}.T" if self.transposed else self.matrix
        weights = f"{self.dtype}{'-homogeneous' if self.homogeneous else ''}{'-unit' if self.unit else ''}"
        words = (matrix, f"{self.delays}_{self.steps}", self.spikes, self.transform, weights, self.backend)
        return "-".join(words)

    @property
    def event(self) -> bool:
        """Whether nonzero entries count as one, rather than as numbers."""
        return self.spikes not in ("float", "sparse")


def delay_cases(backends: tuple[str, ...], *, whole: bool, seed: int | None = None) -> Iterator[DelayCase]:
    """The table of deliveries: a pairwise cover, or all of it.

    Args:
        backends: the backends to request.
        whole: all combinations of matrix, direction, delays, spikes and transform, cycling through the values of the
            other columns, instead of a pairwise cover of all columns.
        seed: of the cover, see :func:`table_rows`.
    """
    first: dict[str, list[Any]] = {
        "matrix": _MATRICES,
        "transposed": [False, True],
        "delays": list(EXTENTS),
        "spikes": ["float", "mask", *EVENTS],
        "transform": list(TRANSFORMS),
    }
    others: dict[str, list[Any]] = {
        "steps": ["uint8", "uint16", "int32"],
        "homogeneous": [False, True],
        "dtype": list(TOLERANCES),
        "unit": [False, True],
        "backend": list(backends),
    }
    for row in table_rows(first, others, whole=whole, seed=seed):
        yield DelayCase(**row)


class Queue:
    """The model of a ring buffer: the sums that arrive in each future step."""

    def __init__(self, n_post: int) -> None:
        self.n_post = n_post
        self.coming: dict[int, np.ndarray] = {}
        self.t = 0

    def add(self, post: int, delay: int, amount: float) -> None:
        """Add an event that arrives in ``delay`` steps."""
        self.coming.setdefault(self.t + delay, np.zeros(self.n_post))[post] += amount

    def pop(self) -> np.ndarray:
        """Return what arrives now, and advance by one step."""
        now = self.coming.pop(self.t, np.zeros(self.n_post))
        self.t += 1
        return now


@dataclass
class Problem:
    """A random matrix with delays, and everything that a check needs."""

    case: DelayCase
    rng: np.random.Generator
    shape: tuple[int, int] = (7, 5)
    structure: tuple[np.ndarray, ...] = field(init=False)
    delays: np.ndarray = field(init=False)
    pre: np.ndarray = field(init=False)
    post: np.ndarray = field(init=False)
    steps: np.ndarray = field(init=False)
    data_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        name = self.case.matrix.removesuffix(INDEX)
        self.structure, row, col, per_entry = random_structure(name, self.shape, self.rng)
        given = EXTENTS[self.case.delays](self.shape, per_entry)
        self.delays = self.rng.integers(1, SLOTS, given).astype(self.case.steps)
        of_entry = {"all": lambda: self.delays, "row": lambda: self.delays[row, 0], "entry": lambda: self.delays}
        self.steps = np.broadcast_to(of_entry[self.case.delays]().reshape(-1), row.shape).astype(int)
        self.pre, self.post = (col, row) if self.case.transposed else (row, col)
        self.data_shape = (1,) if self.case.homogeneous else per_entry

    @property
    def n(self) -> tuple[int, int]:
        """The numbers of pre- and postsynaptic neurons."""
        return self.shape[::-1] if self.case.transposed else self.shape

    def weights(self, *front: int) -> np.ndarray:
        return self.rng.normal(size=(*front, *self.data_shape)).astype(jnp.dtype(self.case.dtype))

    def spikes(self, *front: int) -> np.ndarray:
        """Sparse events with values other than 1, which must not matter if events count as 1."""
        values = self.rng.normal(size=(*front, self.n[0]))
        if self.case.spikes == "float":
            return values.astype(jnp.dtype(self.case.dtype))
        events = np.where(self.rng.random(values.shape) < 0.5, np.rint(3 * values), 0)
        kind = "bool" if self.case.spikes == "mask" else EVENTS[self.case.spikes][0] or self.case.dtype
        return (events != 0) if kind == "bool" else events.astype(jnp.dtype(kind))

    def buffer(self, *front: int) -> np.ndarray:
        return self.rng.normal(size=(*front, SLOTS, self.n[1])).astype(self.sums)

    @property
    def sums(self) -> np.dtype[Any]:
        """The dtype of a ring, which is that of sums."""
        return np.dtype("float64" if self.case.dtype == "float64" else "float32")

    # the model ------------------------------------------------------------------------------------------------------

    def indicator(self, spikes: np.ndarray) -> np.ndarray:
        return (spikes != 0).astype(float) if self.case.event else spikes.astype(np.float64)

    def arrivals(self, weights: np.ndarray, values: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        """(steps, n_post): what arrives in each step, given the value of each presynaptic neuron in each step."""
        queue, each = Queue(self.n[1]), np.broadcast_to(weights.astype(np.float64).ravel(), self.pre.shape)
        for slot, waiting in enumerate(buffer.astype(np.float64)):
            for post, amount in enumerate(waiting):
                queue.add(post, slot, amount)
        arrived = []
        for value in values:
            for pre, post, delay, weight in zip(self.pre, self.post, self.steps, each, strict=True):
                queue.add(post, delay, weight * value[pre])
            arrived.append(queue.pop())
        return np.array(arrived)

    def adjoint(self, weights: np.ndarray, values: np.ndarray, ct: np.ndarray) -> tuple[np.ndarray, ...]:
        """The cotangents of the weights, the values, and the ring."""
        by_weight, by_value = np.zeros(self.pre.shape), np.zeros(values.shape)
        each = np.broadcast_to(weights.astype(np.float64).ravel(), self.pre.shape)
        for t in range(len(values)):
            for k, (pre, post, delay) in enumerate(zip(self.pre, self.post, self.steps, strict=True)):
                if t + delay < len(ct):
                    by_weight[k] += values[t, pre] * ct[t + delay, post]
                    by_value[t, pre] += each[k] * ct[t + delay, post]
        total = by_weight.sum(keepdims=True) if self.case.homogeneous else by_weight
        return total.reshape(self.data_shape), by_value, ct[:SLOTS].astype(np.float64)

    # the library ----------------------------------------------------------------------------------------------------

    def matrix(self, weights: Any, structure: Any = None, delays: Any = None) -> Any:
        structure, delays = (
            self.structure if structure is None else structure,
            self.delays if delays is None else delays,
        )
        data = weights * u.mV if self.case.unit else weights
        matrix = MATRICES[self.case.matrix]((data, *structure), shape=self.shape, delay=delays)
        if self.case.matrix.endswith(INDEX):
            matrix = matrix.with_csc_index()
        return matrix.T if self.case.transposed else matrix

    def operand(self, spikes: Any) -> Any:
        kind = self.case.spikes
        if kind == "float" and self.case.unit:
            return spikes * u.siemens
        return spikes if kind in ("float", "mask") else EVENTS[kind][1](spikes, -1)

    def ring(self, buffer: Any = None) -> Any:
        unit = None
        if self.case.unit:
            unit = u.volt * u.siemens if self.case.spikes == "float" else u.volt
        ring = DelayRing(SLOTS, self.n[1], dtype=self.sums, unit=unit)
        if buffer is None:
            return ring
        buffer = u.Quantity(buffer * jnp.asarray(1e-3, self.sums), unit=unit) if self.case.unit else buffer
        return DelayRing.tree_unflatten(None, (buffer, ring.t))

    def numbers(self, now: Any) -> Any:
        """What arrives in millivolt (times siemens), the unit in which weights are given."""
        return now.mantissa * jnp.asarray(1e3, self.sums) if self.case.unit else now

    def step(self, ring: Any, spikes: Any, matrix: Any) -> tuple[Any, Any]:
        ring = ring.add(self.operand(spikes), matrix)
        now, ring = ring.pop()
        return ring, self.numbers(now)

    def run(self, weights: Any, spikes: Any, buffer: Any, structure: Any = None, delays: Any = None) -> Any:
        matrix = self.matrix(weights, structure, delays)
        return jax.lax.scan(lambda ring, one: self.step(ring, one, matrix), self.ring(buffer), spikes)[1]


def check_delays(case: DelayCase, seed: int = 0) -> None:
    """Run one case. Inputs are random, but the same for the same case and seed.

    Raises:
        AssertionError: if the library and the model differ by more than rounding.
    """
    problem = Problem(case, np.random.default_rng([zlib.crc32(str(case).encode()), seed]))
    with x64(case.dtype == "float64"), config.use_backend(case.backend):
        TRANSFORMS[case.transform](problem)


def _eager(p: Problem) -> None:
    weights, spikes, ring = p.weights(), p.spikes(STEPS), p.ring()
    matrix, found = p.matrix(weights), []
    for one in spikes:
        ring, now = p.step(ring, one, matrix)
        found.append(now)
    buffer = np.zeros((SLOTS, p.n[1]))
    _close(p, np.stack(found), p.arrivals(weights, p.indicator(spikes), buffer))


def _scan(p: Problem) -> None:
    """With everything traced, including delays."""
    weights, spikes, buffer = p.weights(), p.spikes(STEPS), p.buffer()
    found = jax.jit(p.run)(weights, spikes, buffer, p.structure, p.delays)
    _close(p, found, p.arrivals(weights, p.indicator(spikes), buffer))


def _jvp(p: Problem) -> None:
    weights, spikes, buffer = p.weights(), p.spikes(STEPS), p.buffer()
    weights_dot, buffer_dot = p.weights(), p.buffer()
    values = p.indicator(spikes)
    if spikes.dtype.kind in "bi":
        found, dot = jax.jit(lambda w, b, wd, bd: jax.jvp(lambda w, b: p.run(w, spikes, b), (w, b), (wd, bd)))(
            weights, buffer, weights_dot, buffer_dot
        )
        spikes_dot = np.zeros(spikes.shape)
    else:
        spikes_dot = p.rng.normal(size=spikes.shape).astype(spikes.dtype)
        found, dot = jax.jit(lambda primals, tangents: jax.jvp(p.run, primals, tangents))(
            (weights, spikes, buffer), (weights_dot, spikes_dot, buffer_dot)
        )
    _close(p, found, p.arrivals(weights, values, buffer))
    by_spikes = p.arrivals(weights, spikes_dot.astype(np.float64), np.zeros(buffer.shape))
    _close(p, dot, p.arrivals(weights_dot, values, buffer_dot) + by_spikes, scale=2)


def _vjp(p: Problem) -> None:
    weights, spikes, buffer = p.weights(), p.spikes(STEPS), p.buffer()
    ct = p.rng.normal(size=(STEPS, p.n[1])).astype(p.sums)
    expected = p.adjoint(weights, p.indicator(spikes), ct)
    if spikes.dtype.kind in "bi":
        pulled = jax.jit(lambda w, b, ct: jax.vjp(lambda w, b: p.run(w, spikes, b), w, b)[1](ct))
        by_weights, by_ring = pulled(weights, buffer, ct)
    else:
        pulled = jax.jit(lambda w, s, b, ct: jax.vjp(p.run, w, s, b)[1](ct))
        by_weights, by_spikes, by_ring = pulled(weights, spikes, buffer, ct)
        assert by_spikes.dtype == spikes.dtype
        _close(p, by_spikes, expected[1], scale=2)
    assert by_weights.dtype == weights.dtype
    _close(p, by_weights, expected[0], scale=2)
    _close(p, by_ring, expected[2], scale=2)


def _vmap(p: Problem) -> None:
    """Over all operands that can be mapped at once, and over the spikes alone."""
    weights, spikes, buffer = p.weights(BATCH), p.spikes(BATCH, STEPS), p.buffer(BATCH)
    found = jax.jit(jax.vmap(p.run))(weights, spikes, buffer)
    every = zip(weights, p.indicator(spikes), buffer, strict=True)
    _close(p, found, np.stack([p.arrivals(*one) for one in every]))
    found = jax.jit(jax.vmap(p.run, in_axes=(None, 0, None)))(weights[0], spikes, buffer[0])
    _close(p, found, np.stack([p.arrivals(weights[0], one, buffer[0]) for one in p.indicator(spikes)]))


TRANSFORMS: dict[str, Callable[[Problem], None]] = {
    "eager": _eager,
    "scan": _scan,
    "jvp": _jvp,
    "vjp": _vjp,
    "vmap": _vmap,
}


def _close(p: Problem, found: Any, expected: np.ndarray, scale: float = 1) -> None:
    found = np.asarray(found).astype(np.float64)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    rtol = scale * tolerance(p.case.dtype)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(1.0, np.abs(expected).max(initial=0)))
