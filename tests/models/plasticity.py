"""Updates of the weights of every matrix class, under every transform, compared with a loop over entries in NumPy.

The model adds the trace to each entry of a list and clips in float64; it uses no code of the library. Derivatives are
those of ``jnp.clip(weight + update, lower, upper)``, where the update is computed with a matrix of ones and zeros.
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

from brainevent_core import config
from brainevent_core.testing.numerics import tolerance, x64
from brainevent_core.testing.pairwise import table_rows

__all__ = ["PlasticityCase", "check_plasticity", "plasticity_cases"]

BATCH = 2

#: Bounds of the weights, which are normally distributed; infinite ones are omitted from the call.
BOUNDS = {"none": (-np.inf, np.inf), "lower": (-0.5, np.inf), "both": (-0.75, 0.75)}

_DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class PlasticityCase:
    """One cell of the table.

    Attributes:
        matrix: a key of ``MATRICES``.
        pre: whether presynaptic neurons spike.
        clip: which weights are clipped.
        bounds: a key of ``BOUNDS``.
        spikes: kind of the events, a key of ``EVENTS``.
        transform: the key of a check in this module.
        dtype: dtype of the weights.
        unit: whether the weights are in millivolt; trace and bounds are then in volt.
        backend: the requested backend.
    """

    matrix: str
    pre: bool
    clip: str
    bounds: str
    spikes: str
    transform: str
    dtype: str
    unit: bool
    backend: str

    def __str__(self) -> str:
        side = "pre" if self.pre else "post"
        unit = "-unit" if self.unit else ""
        words = (self.matrix, side, self.clip, self.bounds, self.spikes, self.transform, f"{self.dtype}{unit}")
        return "-".join((*words, self.backend))


def plasticity_cases(backends: tuple[str, ...], *, whole: bool, seed: int | None = None) -> Iterator[PlasticityCase]:
    """The table of updates: a pairwise cover, or all of it.

    Args:
        backends: the backends to request.
        whole: all combinations of matrix, transform, side, clip, dtype, unit and backend, cycling through the values of
            the other columns, instead of a pairwise cover of all columns.
        seed: of the cover, see :func:`table_rows`.
    """
    first: dict[str, list[Any]] = {
        "matrix": list(MATRICES),
        "transform": list(TRANSFORMS),
        "pre": [False, True],
        "clip": ["all", "updated"],
        "dtype": list(_DTYPES),
        "unit": [False, True],
        "backend": list(backends),
    }
    others: dict[str, list[Any]] = {"bounds": list(BOUNDS), "spikes": list(EVENTS)}
    for row in table_rows(first, others, whole=whole, seed=seed):
        yield PlasticityCase(**row)


@dataclass
class Problem:
    """A random matrix and its neurons."""

    case: PlasticityCase
    rng: np.random.Generator
    shape: tuple[int, int] = (7, 5)
    structure: tuple[np.ndarray, ...] = field(init=False)
    spiking: np.ndarray = field(init=False)
    other: np.ndarray = field(init=False)
    data_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        name = self.case.matrix.removesuffix(INDEX)
        self.structure, row, col, self.data_shape = random_structure(name, self.shape, self.rng)
        self.spiking, self.other = (row, col) if self.case.pre else (col, row)

    def operands(self, *front: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, spikes and trace. Spikes have values other than 1, which must not matter."""
        dtype = jnp.dtype(self.case.dtype)
        lines, others = self.shape if self.case.pre else self.shape[::-1]
        weights = self.rng.normal(size=(*front, *self.data_shape)).astype(dtype)
        numbers = np.where(self.rng.random((*front, lines)) < 0.5, np.rint(3 * self.rng.normal(size=lines)), 0)
        spikes = (numbers != 0) if self.kind == "bool" else numbers.astype(jnp.dtype(self.kind))
        return weights, spikes, self.rng.normal(size=(*front, others)).astype(dtype)

    @property
    def kind(self) -> str:
        """The dtype of the spikes."""
        return EVENTS[self.case.spikes][0] or self.case.dtype

    @property
    def by_spikes(self) -> bool:
        """Whether there is a derivative with respect to the spikes."""
        return bool(jnp.issubdtype(jnp.dtype(self.kind), jnp.floating))

    @property
    def bounds(self) -> tuple[Any, Any]:
        return BOUNDS[self.case.bounds]

    def expected(self, weights: np.ndarray, spikes: np.ndarray, trace: np.ndarray) -> np.ndarray:
        """The new weights, computed entry by entry."""
        new = weights.astype(np.float64).ravel()
        for k, (line, other) in enumerate(zip(self.spiking, self.other, strict=True)):
            event = spikes[line] != 0
            if event:
                # Rounded to the dtype of the weights.
                new[k] = float((new[k] + float(trace[other])).astype(weights.dtype))
            if event or self.case.clip == "all":
                new[k] = min(max(new[k], self.bounds[0]), self.bounds[1])
        return new.reshape(weights.shape)

    def apply(self, weights: Any, spikes: Any, trace: Any, structure: Any = None, bounds: Any = None) -> Any:
        """The new weights according to the library, by the method of the matrix class."""
        lower, upper = (None if np.isinf(b) else b for b in self.bounds) if bounds is None else bounds
        if self.case.unit:
            weights = weights * u.mV
            trace, lower, upper = (None if v is None else (v * 1e-3) * u.volt for v in (trace, lower, upper))
        structure = self.structure if structure is None else structure
        cls = MATRICES[self.case.matrix]
        matrix = cls((weights, *structure), shape=self.shape) if structure else cls(weights)
        if self.case.matrix.endswith(INDEX):
            matrix = matrix.with_csc_index()
        events = EVENTS[self.case.spikes][1](spikes, 0)
        if self.case.pre:
            new = matrix.update_on_pre(events, trace, lower, w_max=upper, clip=self.case.clip)
        else:
            new = matrix.update_on_post(trace, events, lower, w_max=upper, clip=self.case.clip)
        assert type(new) is type(matrix)
        assert new.unit == (u.mV if self.case.unit else None)
        return new.data.mantissa if self.case.unit else new.data

    def dense_model(self, weights: Any, spikes: Any, trace: Any, bounds: Any) -> Any:
        """The new weights by ``jnp.clip``, which JAX differentiates; straight-through with respect to float spikes."""
        value = spikes if self.by_spikes else 0.0
        event = (spikes != 0) + (value - jax.lax.stop_gradient(value))
        event = event.astype(weights.dtype)[self.spiking].reshape(weights.shape)
        clipped = jnp.clip(weights + event * trace[self.other].reshape(weights.shape), *bounds)
        if self.case.clip == "all":
            return clipped
        return jnp.where((spikes != 0)[self.spiking].reshape(weights.shape), clipped, weights)


def check_plasticity(case: PlasticityCase, seed: int = 0) -> None:
    """Run one case. Inputs are random, but the same for the same case and seed.

    Raises:
        AssertionError: if the library and the model differ by more than rounding.
    """
    problem = Problem(case, np.random.default_rng([zlib.crc32(str(case).encode()), seed]))
    with x64(case.dtype == "float64"), config.use_backend(case.backend):
        TRANSFORMS[case.transform](problem)


def _eager(p: Problem) -> None:
    operands = p.operands()
    _close(p, p.apply(*operands), p.expected(*operands))


def _jit(p: Problem) -> None:
    """With everything traced, including bounds."""
    operands = p.operands()
    bounds = [np.asarray(b, operands[0].dtype) for b in p.bounds]
    out = jax.jit(p.apply)(*operands, p.structure, bounds)
    _close(p, out, p.expected(*operands))


def _derivatives(p: Problem) -> None:
    """With respect to weights, trace, bounds and float spikes, forward and reverse, compared with ``jnp.clip``."""
    weights, spikes, trace = p.operands()
    bounds = tuple(jnp.asarray(b, weights.dtype) for b in p.bounds)

    def of_floats(fn: Callable[..., Any]) -> Callable[..., Any]:
        if p.by_spikes:
            return lambda w, t, b, s: fn(w, s, t, b)
        return lambda w, t, b: fn(w, spikes, t, b)

    ours = of_floats(lambda w, s, t, b: p.apply(w, s, t, None, b))
    model = of_floats(p.dense_model)
    arguments: tuple[Any, ...] = (weights, trace, bounds, *([spikes] if p.by_spikes else []))
    tangents = jax.tree.map(lambda a: p.rng.normal(size=np.shape(a)).astype(np.asarray(a).dtype), arguments)
    ct = p.rng.normal(size=weights.shape).astype(weights.dtype)
    # As numbers of JAX: NumPy does not know how to index an array by those of the model.
    arguments, tangents = jax.tree.map(jnp.asarray, (arguments, tangents))
    for found, expected in zip(
        jax.jit(lambda: jax.jvp(ours, arguments, tangents))(), jax.jvp(model, arguments, tangents), strict=True
    ):
        _close(p, found, np.asarray(expected))
    found_cts, expected_cts = (jax.vjp(fn, *arguments)[1](jnp.asarray(ct)) for fn in (ours, model))
    for found, expected in zip(jax.tree.leaves(found_cts), jax.tree.leaves(expected_cts), strict=True):
        _close(p, found, np.asarray(expected), scale=8)


def _vmap(p: Problem) -> None:
    """Over all operands that can be mapped at once, and over the trace alone."""
    weights, spikes, trace = p.operands(BATCH)
    out = jax.jit(jax.vmap(p.apply))(weights, spikes, trace)
    _close(p, out, np.stack([p.expected(*one) for one in zip(weights, spikes, trace, strict=True)]))
    out = jax.vmap(p.apply, in_axes=(None, None, 0))(weights[0], spikes[0], trace)
    _close(p, out, np.stack([p.expected(weights[0], spikes[0], one) for one in trace]))


def _scan(p: Problem) -> None:
    weights, spikes, trace = p.operands(BATCH)
    out, _ = jax.lax.scan(lambda w, one: (p.apply(w, *one), None), weights[0], (spikes, trace))
    expected = weights[0]
    for one in zip(spikes, trace, strict=True):
        expected = p.expected(expected, *one).astype(weights.dtype)
    _close(p, out, expected, scale=2)


TRANSFORMS: dict[str, Callable[[Problem], None]] = {
    "eager": _eager,
    "jit": _jit,
    "derivatives": _derivatives,
    "vmap": _vmap,
    "scan": _scan,
}


def _close(p: Problem, found: Any, expected: np.ndarray, scale: float = 1) -> None:
    assert np.asarray(found).dtype == p.case.dtype or np.asarray(found).dtype == np.float32
    found, expected = np.asarray(found).astype(np.float64), np.asarray(expected).astype(np.float64)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    rtol = scale * tolerance(p.case.dtype)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(1.0, np.abs(expected).max(initial=0)))
