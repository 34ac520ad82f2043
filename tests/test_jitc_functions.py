"""Functions on bare arrays for just-in-time connectivity, compared with the dense matrices of the classes."""

import inspect
import itertools
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent

pytestmark = pytest.mark.usefixtures("little_optimisation")

# For the letter of each law: the class of its matrix, and the parameters of its weights.
LAWS = {
    "s": (brainevent.JITCScalarR, {"weight": 1.5}),
    "n": (brainevent.JITCNormalR, {"loc": 1.5, "scale": 0.5}),
    "u": (brainevent.JITCUniformR, {"low": -1.0, "high": 2.0}),
}
SHAPE = (37, 53)


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions don't select kernels; these compile fastest."""
    monkeypatch.setenv(brainevent.config.ENVIRONMENT_VARIABLE, brainevent.config.REFERENCE)


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


# All combinations of rank, kind of operand and flags, cycling through the laws.
CALLS = [
    (law, *call)
    for law, call in zip(itertools.cycle(LAWS), itertools.product((1, 2), (False, True), (False, True), (False, True)))
]


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("law", "rank", "event", "transpose", "corder"), CALLS)
def test_products_and_materialisers(
    law: str, rank: int, event: bool, transpose: bool, corder: bool, rng: np.random.Generator
) -> None:
    cls, parameters = LAWS[law]
    options: dict[str, Any] = {"shape": SHAPE, "transpose": transpose, "corder": corder}
    dense = np.asarray(cls(*parameters.values(), 0.2, 3, shape=SHAPE, corder=corder).todense())
    dense = dense.T if transpose else dense
    close(getattr(brainevent, f"jit{law}")(*parameters.values(), 0.2, 3, **options), dense)

    x = rng.normal(size=(dense.shape[1], 4)[:rank]).astype(np.float32)
    x = np.where(rng.random(x.shape) < 0.5, x, 0)
    expected = dense @ ((x != 0) if event else x)
    product = getattr(brainevent, f"{'binary_' * event}jit{law}{'mv' if rank == 1 else 'mm'}")
    close(product(*parameters.values(), 0.2, x, 3, **options), expected)
    close(product(**parameters, prob=0.2, x=jnp.asarray(x), seed=3, **options), expected)


def test_they_transform_as_the_matrices_do() -> None:
    x, seeds = np.ones(53, np.float32), jnp.arange(3)

    def product(seed: Any, loc: Any) -> Any:
        return brainevent.binary_jitnmv(loc, 0.5, 0.2, x, seed, shape=SHAPE)

    stacked = jax.jit(jax.vmap(product, (0, None)))(seeds, 1.5)
    patterns = [np.asarray(brainevent.jits(1.0, 0.2, int(seed), shape=SHAPE)) for seed in seeds]
    close(stacked, [product(int(seed), 1.5) for seed in seeds])
    close(jax.grad(lambda loc: product(2, loc).sum())(1.5), patterns[2].sum())


def test_units_seeds_and_events() -> None:
    dense = brainevent.jitu(-1.0 * u.nS, 2.0 * u.nS, 0.2, 3, shape=SHAPE)
    x = np.ones(53, np.float32)
    found = brainevent.jitumv(-1.0 * u.nS, 2.0 * u.nS, 0.2, x * u.mV, 3, shape=SHAPE)
    close(found.to_decimal(u.nS * u.mV), np.asarray(dense.to_decimal(u.nS)).sum(1))
    packed = brainevent.bitpack(jnp.asarray(x))
    close(
        brainevent.binary_jitsmv(1.0, 0.2, packed, 3, shape=SHAPE),
        brainevent.jitsmv(1.0, 0.2, x, 3, shape=SHAPE),
    )
    drawn = [np.asarray(brainevent.jits(1.0, 0.5, shape=SHAPE)) for _ in range(2)]
    assert not np.array_equal(*drawn)


def test_what_does_not_fit_is_said() -> None:
    x = np.ones(53, np.float32)
    for message, error, call in (
        ("jitsmv multiplies a vector", brainevent.MathError, lambda: brainevent.jitsmv(1.0, 0.2, x[None], shape=SHAPE)),
        ("got shape", brainevent.MathError, lambda: brainevent.binary_jitnmm(1.0, 1.0, 0.2, x, shape=SHAPE)),
        ("Shapes do not fit", brainevent.MathError, lambda: brainevent.jitsmv(1.0, 0.2, x[1:], shape=SHAPE)),
        ("between 0 and 1", brainevent.MathError, lambda: brainevent.jits(1.0, 2.0, shape=SHAPE)),
        (r"jitumv\(\) missing .*'x'", TypeError, lambda: brainevent.jitumv(0.0, 1.0, 0.2, shape=SHAPE)),
        (
            "backend",
            brainevent.KernelNotAvailableError,
            lambda: brainevent.jits(1.0, 0.2, 0, shape=SHAPE, backend="nobody"),
        ),
    ):
        with pytest.raises(error, match=message):
            call()


def test_signatures_are_those_of_the_interface() -> None:
    assert str(inspect.signature(brainevent.binary_jitnmm)) == (
        "(loc: 'QuantityLike', scale: 'QuantityLike', prob: 'Number', x: 'OperandLike', seed: 'ArrayLike | None' = None"
        ", *, shape: 'Sequence[int]', transpose: 'bool' = False, corder: 'bool' = True, backend: 'str | None' = None)"
        " -> 'Array | Quantity'"
    )
    for letter, (_, parameters) in LAWS.items():
        for name in (f"jit{letter}", *(f"{b}jit{letter}m{r}" for b in ("", "binary_") for r in "mv")):
            expected = [*parameters, "prob", *(["x"] if len(name) > 4 else []), "seed"]
            expected += ["shape", "transpose", "corder", "backend"]
            assert list(inspect.signature(getattr(brainevent, name)).parameters) == expected
