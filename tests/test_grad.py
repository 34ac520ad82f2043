"""``brainevent.grad``: derivatives with respect to the weights of matrices, anywhere in a pytree."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn, JITCNormalR

DENSE = np.arange(12.0, dtype=np.float32).reshape(3, 4) * (np.arange(12).reshape(3, 4) % 3 != 0)
X = np.array([1.0, -2.0, 3.0], np.float32)
MATRICES: dict[str, Any] = {
    **{cls.__name__: cls.fromdense(DENSE) for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)},
    "with index": CSR.fromdense(DENSE).with_csc_index(),
    "homogeneous": COO(jnp.float32(2), [0, 1], [1, 0], shape=(3, 4)),
    "generated": JITCNormalR(1.0, 0.5, 0.5, 0, shape=(3, 4)),
}


def loss(matrix: Any) -> Any:
    return jnp.sum((X @ matrix) ** 2)


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINEVENT_BACKEND", "reference")


@pytest.mark.parametrize("name", MATRICES)
def test_gradient_with_respect_to_the_weights(name: str) -> None:
    matrix = MATRICES[name]
    value, gradient = jax.jit(brainevent.value_and_grad(loss))(matrix)
    (_, *rest), tree = jax.tree_util.tree_flatten(matrix)
    by_data = jax.grad(lambda data: loss(jax.tree_util.tree_unflatten(tree, [data, *rest])))(matrix.data)
    np.testing.assert_allclose(value, loss(matrix), rtol=1e-6)
    assert isinstance(gradient, jax.Array)
    np.testing.assert_allclose(gradient, by_data, rtol=1e-5)


def test_nested_arguments_several_of_them_and_aux() -> None:
    csr, coo = MATRICES["CSR"], MATRICES["COO"]

    def total(scale: Any, params: Any, spikes: Any, *, shift: float) -> Any:
        out = scale * (spikes @ params["in"]) + X @ params["out"][0] + params["bias"]
        return jnp.sum(out) + shift, {"spikes": spikes.value}

    params = {"in": csr, "out": [coo], "bias": jnp.ones(4)}
    spikes = BinaryArray(np.array([True, False, True]))
    (value, aux), (by_scale, by_params) = brainevent.value_and_grad(total, (0, -2), has_aux=True)(
        jnp.float32(2.0), params, spikes, shift=1.0
    )
    ones = np.ones(4)
    np.testing.assert_allclose(by_scale, [1, 0, 1] @ DENSE @ ones)
    np.testing.assert_allclose(value, 2 * by_scale + X @ DENSE @ ones + 5)
    np.testing.assert_array_equal(aux["spikes"], spikes.value)
    changed = brainevent.with_weights(params, by_params)
    np.testing.assert_allclose(changed["in"].todense(), np.outer([2, 0, 2], ones) * (DENSE != 0))
    np.testing.assert_allclose(changed["out"][0].todense(), np.outer(X, ones) * (DENSE != 0))
    np.testing.assert_allclose(by_params["bias"], ones)
    same, aux = brainevent.grad(total, argnums=1, has_aux=True)(jnp.float32(2.0), params, spikes, shift=0.0)
    assert jax.tree.structure(same) == jax.tree.structure(brainevent.weights(params))
    np.testing.assert_array_equal(aux["spikes"], spikes.value)


def test_units_are_divided() -> None:
    weights = CSR.fromdense(DENSE * u.nS)
    volts = X * u.mV

    def current(weights: Any, offset: Any) -> Any:
        return jnp.sum((volts @ weights).to_decimal(u.pA)) * u.pA + offset

    value, (by_weights, by_offset) = brainevent.value_and_grad(current, (0, 1))(weights, 1.0 * u.pA)
    assert value.unit.has_same_dim(u.pA)
    assert by_weights.unit.has_same_dim(u.mV)
    np.testing.assert_allclose(by_weights.to_decimal(u.mV), by_rows(X), rtol=1e-5)
    np.testing.assert_allclose(by_offset, 1.0)

    plain = brainevent.grad(lambda w: jnp.sum((w @ jnp.ones(4)).to_decimal(u.nS)))(weights)
    assert (plain.unit * u.nS).has_same_dim(u.UNITLESS)
    np.testing.assert_allclose(plain * u.nS, np.ones(weights.nse))


def by_rows(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x[:, None], DENSE.shape)[DENSE != 0]


def test_what_has_no_derivative() -> None:
    weights = MATRICES["CSR"]
    whole = weights.with_data(jnp.arange(weights.nse))
    with pytest.raises(brainevent.DTypeError, match=r"argument 0 has a leaf at \[1\], of dtype int32: convert it"):
        brainevent.grad(lambda arg: loss(arg[0]))((weights, jnp.arange(3)))
    with pytest.raises(brainevent.DTypeError, match=r"the weights of CSR\(.*\) at \['in'\], of dtype int32: convert"):
        brainevent.grad(lambda scale, model: scale * loss(model["in"]), (0, 1))(1.0, {"in": whole})
    with pytest.raises(TypeError, match="bool"):
        brainevent.grad(lambda spikes: jnp.sum(BinaryArray(spikes) @ weights))(jnp.ones(3, bool))
    with pytest.raises(brainevent.MathError, match="argnums=1, but only 1 positional"):
        brainevent.grad(loss, argnums=1)(weights)
    with pytest.raises(TypeError, match="scalar"):
        brainevent.grad(lambda w: X @ w)(weights)
