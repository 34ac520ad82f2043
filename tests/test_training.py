"""Optimisers and models with matrices: what is trained is a pytree of weights, and nothing else can change."""

from collections.abc import Callable
from typing import Any

import brainunit as u
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainevent
from brainevent import COO, CSR, BinaryArray, FixedPostNumConn, JITCNormalR

SIZE, STEPS = 5, 2


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINEVENT_BACKEND", "reference")


def a_matrix(rng: np.random.Generator) -> np.ndarray:
    elements = rng.normal(size=(SIZE, SIZE)) * (rng.random((SIZE, SIZE)) < 0.6)
    elements[:, 0] = 1.0  # no row is empty
    return elements.astype(np.float32)


@pytest.fixture
def model(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "in": CSR.fromdense(a_matrix(rng)),
        "recurrent": [COO.fromdense(a_matrix(rng))],
        "out": FixedPostNumConn.fromdense(a_matrix(rng)).with_csc_index(),
        "bias": jnp.asarray(rng.normal(size=SIZE), jnp.float32),
    }


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[Any, Any]:
    return rng.random(SIZE) < 0.6, rng.normal(size=SIZE).astype(np.float32)


def output(model: Any, spikes: Any) -> Any:
    """The output of a model with matrices, or with arrays in their place."""
    hidden = jnp.tanh(BinaryArray(spikes) @ model["in"] + model["bias"])
    for matrix in model["recurrent"]:
        hidden = jnp.tanh(hidden @ matrix)
    return hidden @ model["out"]


def loss(model: Any, data: tuple[Any, Any]) -> Any:
    spikes, target = data
    return jnp.sum((output(model, spikes) - target) ** 2)


def label(path: Any, _: Any) -> str:
    return "slow" if "recurrent" in jax.tree_util.keystr(path) else "fast"


OPTIMISERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: optax.sgd(0.01),
    "momentum": lambda: optax.sgd(0.01, momentum=0.9),
    "adam": lambda: optax.adam(0.01),
    "adamw": lambda: optax.adamw(0.01, weight_decay=0.1),
    "clipped": lambda: optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01)),
    "masked": lambda: optax.chain(
        optax.masked(optax.set_to_zero(), {"in": True, "recurrent": [False], "out": False, "bias": False}),
        optax.adam(0.01),
    ),
    "multi_transform": lambda: optax.multi_transform(
        {"slow": optax.sgd(0.001), "fast": optax.adamw(0.01)},
        lambda weights: jax.tree_util.tree_map_with_path(label, weights),
    ),
}


def trained(optimiser: Any, model: Any, data: tuple[Any, Any]) -> Any:
    """The model after some steps, as on the page about training."""

    @jax.jit
    def step(model: Any, state: Any) -> tuple[Any, Any]:
        weights, gradient = brainevent.weights(model), brainevent.grad(loss)(model, data)
        updates, state = optimiser.update(gradient, state, weights)
        return brainevent.with_weights(model, optax.apply_updates(weights, updates)), state

    state = optimiser.init(brainevent.weights(model))
    for _ in range(STEPS):
        model, state = step(model, state)
    return model


def as_arrays(model: Any) -> Any:
    return jax.tree.map(
        lambda node: node.todense() if isinstance(node, brainevent.DataRepresentation) else node,
        model,
        is_leaf=lambda node: isinstance(node, brainevent.DataRepresentation),
    )


def structure_of(model: Any) -> list[Any]:
    """Everything that an optimiser must not change."""
    ones = brainevent.with_weights(model, jax.tree.map(jnp.ones_like, brainevent.weights(model)))
    return jax.tree.leaves(ones)


def assert_same_structure(model: Any, other: Any) -> None:
    assert jax.tree.structure(model) == jax.tree.structure(other)
    for one, same in zip(structure_of(model), structure_of(other), strict=True):
        np.testing.assert_array_equal(one, same, strict=True)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_train_the_weights_as_those_of_masked_arrays(name: str, model: Any, data: Any) -> None:
    optimiser = OPTIMISERS[name]()
    after = trained(optimiser, model, data)
    assert_same_structure(after, model)
    assert loss(after, data) < loss(model, data)

    arrays = as_arrays(model)
    masks = jax.tree.map(lambda array: (array != 0).astype(array.dtype), arrays) | {"bias": 1.0}

    @jax.jit
    def step(arrays: Any, state: Any) -> Any:
        gradient = jax.grad(lambda arrays: loss(jax.tree.map(jnp.multiply, arrays, masks), data))(arrays)
        updates, state = optimiser.update(gradient, state, arrays)
        return optax.apply_updates(arrays, updates), state

    state = optimiser.init(arrays)
    for _ in range(STEPS):
        arrays, state = step(arrays, state)
    jax.tree.map(close, as_arrays(after), arrays)


def test_parameters_of_generated_connections_are_trained(data: Any) -> None:
    spikes, target = data
    model = JITCNormalR(1.0, 0.5, 0.5, 7, shape=(SIZE, SIZE))
    optimiser = optax.sgd(0.01)

    def error(model: Any) -> Any:
        return jnp.sum((BinaryArray(spikes) @ model - target) ** 2)

    after, state = model, optimiser.init(brainevent.weights(model))
    for _ in range(STEPS):
        updates, state = optimiser.update(brainevent.grad(error)(after), state)
        after = brainevent.with_weights(after, optax.apply_updates(brainevent.weights(after), updates))
    assert_same_structure(after, model)
    assert error(after) < error(model)


def test_weights_with_units_by_the_gradient_that_jax_gives(model: Any, data: Any) -> None:
    plain, model = model, brainevent.with_weights(model, brainevent.weights(model))
    units = {**model, "in": model["in"] * u.nS}

    def total(weights: Any) -> Any:
        full = brainevent.with_weights(units, weights)
        return loss({**full, "in": full["in"].with_data(full["in"].data.to_decimal(u.nS))}, data)

    optimiser, weights = optax.sgd(0.01), brainevent.weights(units)
    state = optimiser.init(weights)
    for _ in range(STEPS):
        updates, state = optimiser.update(jax.grad(total)(weights), state, weights)
        weights = optax.apply_updates(weights, updates)
    after, same = brainevent.with_weights(units, weights), trained(optimiser, plain, data)
    assert after["in"].unit == u.nS
    np.testing.assert_allclose(after["in"].data.to_decimal(u.nS), same["in"].data, rtol=1e-5)
    np.testing.assert_allclose(after["out"].data, same["out"].data, rtol=1e-5)


def test_models_of_equinox(model: Any, data: Any) -> None:
    """Partitions by dtype have None in place of indices, which no optimiser changes."""
    optimiser = optax.sgd(0.01, momentum=0.9)
    after, state = model, optimiser.init(eqx.filter(model, eqx.is_inexact_array))
    for _ in range(STEPS):
        trainable, fixed = eqx.partition(after, eqx.is_inexact_array)
        gradient = jax.grad(lambda some, rest=fixed: loss(eqx.combine(some, rest), data))(trainable)
        by_filter = eqx.filter_grad(loss)(after, data)
        jax.tree.map(np.testing.assert_array_equal, gradient, by_filter)
        updates, state = optimiser.update(gradient, state, trainable)
        after = eqx.apply_updates(after, updates)
    assert_same_structure(after, model)
    same = trained(optimiser, model, data)
    jax.tree.map(close, after, same)


def close(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def halved(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf * 0.5, tree)


def with_state_of_the_model(model: Any, gradient: Any) -> Any:
    optimiser = optax.adam(0.1)
    return optimiser.update(gradient, optimiser.init(model))


def wrong_combinations() -> dict[str, tuple[Callable[[Any, Any], Any], type[Exception], str]]:
    """By name: a wrong way to combine a model with its gradient, and the resulting error."""
    math, dtype = brainevent.MathError, brainevent.DTypeError
    spikes = BinaryArray(np.ones(SIZE, bool))
    return {
        "a step from the model": (lambda model, gradient: optax.apply_updates(model, gradient), ValueError, "CSR|COO"),
        "a step by the model": (
            lambda model, gradient: optax.apply_updates(brainevent.weights(model), model),
            ValueError,
            "does not broadcast to the matrix",
        ),
        "a step by hand": (
            lambda model, gradient: jax.tree.map(lambda w, g: w - 0.1 * g, model, gradient),
            ValueError,
            "CSR|COO",
        ),
        "the state of the model": (with_state_of_the_model, ValueError, "does not broadcast to the matrix"),
        "a model as weights": (
            lambda model, gradient: brainevent.with_weights(model, model),
            math,
            r"got CSR.* at \['in'\]",
        ),
        "weights of less": (
            lambda model, gradient: brainevent.with_weights(model, {"in": gradient["in"]}),
            math,
            "structure of brainevent.weights",
        ),
        "weights of another": (
            lambda model, gradient: brainevent.with_weights(model, gradient | {"in": jnp.ones(3)}),
            math,
            r"with_data of CSR takes .*, got \(3,\)",
        ),
        "what JAX gives for integers": (
            lambda model, gradient: brainevent.with_weights(model, gradient | {"in": np.zeros(3, jax.dtypes.float0)}),
            dtype,
            r"CSR.* at \['in'\], got dtype float0",
        ),
        "a gradient in its unit": (
            lambda model, gradient: brainevent.with_weights({"in": model["in"] * u.nS}, {"in": gradient["in"] / u.nS}),
            u.UnitMismatchError,
            r"weights at \['in'\] is given in Gohm, and those of the model in nS",
        ),
        "numbers without their unit": (
            lambda model, gradient: brainevent.with_weights(model["in"] * u.nS, gradient["in"]),
            u.UnitMismatchError,
            "is given without a unit, and those of the model in nS",
        ),
        "all leaves halved": (lambda model, gradient: spikes @ halved(model)["in"], dtype, "must hold integers"),
        "a step by all that JAX gives": (
            lambda model, gradient: optax.apply_updates(
                model, halved(jax.grad(loss, allow_int=True)(model, (np.ones(SIZE), np.ones(SIZE))))
            ),
            TypeError,
            "float0",
        ),
    }


@pytest.mark.parametrize("name", wrong_combinations())
def test_wrong_combinations_are_errors(name: str, model: Any, data: Any) -> None:
    do, error, message = wrong_combinations()[name]
    with pytest.raises(error, match=message):
        do(model, brainevent.grad(loss)(model, data))
