"""What an event is, and how event arrays behave beside plain ones."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, EventArray, FixedPostNumConn, FixedPreNumConn

MATRICES = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("cls", MATRICES)
def test_events_select(cls: Any, rank: int, backend: str) -> None:
    """Every nonzero counts as one, NaN too; Inf and NaN weights of silent lines never show."""
    rng = np.random.default_rng()
    dense = rng.normal(size=(8, 6)).astype(np.float32) * (rng.random((8, 6)) < 0.7)
    spikes = np.array([0.0, 2.0, -3.0, np.nan, 0.0, -0.0, np.inf, 1e-30], np.float32)
    active = spikes != 0
    loud = dense.copy()
    loud[0], loud[4], loud[5] = np.inf, np.nan, -np.inf
    columns = np.stack([spikes, np.zeros_like(spikes), spikes[::-1]], axis=1)
    with brainevent.use_backend(backend):
        matrix, mirrored = cls.fromdense(loud), cls.fromdense(loud.T)
        if rank == 1:
            expected = active.astype(np.float32) @ dense
            np.testing.assert_allclose(BinaryArray(spikes) @ matrix, expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(mirrored @ BinaryArray(spikes), expected, rtol=1e-5, atol=1e-6)
        else:
            expected = np.zeros((3, 6), np.float32)
            with np.errstate(invalid="ignore"):
                for i, column in enumerate(columns.T):
                    expected[i] = loud[column != 0].sum(axis=0)
            np.testing.assert_allclose(BinaryArray(columns.T) @ matrix, expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(mirrored @ BinaryArray(columns), expected.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("cls", MATRICES)
def test_float_product_is_ieee(cls: Any, backend: str) -> None:
    """Zeros are not skipped: 0 · Inf is NaN."""
    dense = np.array([[np.inf, 1.0], [2.0, 3.0]], np.float32)
    zero_first = np.array([0.0, 1.0], np.float32)
    with brainevent.use_backend(backend), np.errstate(invalid="ignore"):
        np.testing.assert_allclose(zero_first @ cls.fromdense(dense), [np.nan, 3.0])
        np.testing.assert_allclose(cls.fromdense(dense) @ zero_first, [np.nan, 3.0])


class Wrapped:
    """Somebody's array type."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __jax_array__(self) -> Any:
        return jnp.asarray(self.value)


DENSE = np.arange(6.0, dtype=np.float32).reshape(2, 3) + 1
LEFT = {
    "numpy": lambda a: a,
    "jax": jnp.asarray,
    "quantity": lambda a: a * u.mV,
    "__jax_array__": Wrapped,
    "Dense": Dense,
    "CSR": CSR.fromdense,
}


@pytest.mark.parametrize("kind", LEFT)
@pytest.mark.parametrize("traced", [False, True])
def test_arrays_on_either_side_defer(kind: str, traced: bool) -> None:
    """An entry of 2 counts as one event, whichever side it is on: the array has deferred."""
    spikes = np.array([2.0, 0.0, 5.0], np.float32)

    def products(dense: Any, spikes: Any) -> Any:
        events = BinaryArray(spikes)
        wrap = LEFT[kind] if kind != "CSR" else (lambda a: CSR.fromdense(a, nse=6))
        results = (wrap(dense) @ events, events @ wrap(dense.T))
        return [r.mantissa if isinstance(r, u.Quantity) else r for r in results]

    if kind == "numpy" and traced:
        products(DENSE, spikes)  # a NumPy array is never traced
    for result in (jax.jit(products) if traced and kind != "numpy" else products)(DENSE, spikes):
        np.testing.assert_allclose(result, [1 + 3, 4 + 6])


def test_events_on_both_sides_count_once() -> None:
    left, right = BinaryArray(jnp.array([2.0, 0.0, 1.0])), BinaryArray(jnp.array([3.0, 5.0, 7.0]))
    assert float(left @ right) == float(right @ left) == 2.0


def test_half_precision_is_accumulated_in_single() -> None:
    """Cotangents of ±300 with x = 300: the terms alone overflow float16, their sum is 0."""
    matrix = CSR((jnp.float16(1.0), np.array([0, 0]), np.array([0, 1, 2])), shape=(2, 1))

    def weighted(w: Any) -> Any:
        return jnp.sum((matrix.with_data(w) @ jnp.full(1, 300, jnp.float16)) * jnp.array([300, -300], jnp.float16))

    assert float(jax.grad(weighted)(jnp.float16(1.0))) == 0.0
    duplicates = COO((jnp.float16(1.0), np.zeros(4096, int), np.zeros(4096, int)), shape=(1, 1))
    assert float(duplicates.todense()[0, 0]) == 4096.0
    with jax.numpy_dtype_promotion("strict"):
        x = jnp.ones(1, jnp.float16)
        assert float((duplicates @ x)[0]) == float((duplicates @ BinaryArray(x))[0]) == 4096.0


def test_dtype_and_unit_are_those_of_the_weights() -> None:
    spikes = jnp.array([1, 0, 2])
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        assert (BinaryArray(spikes) @ jnp.ones((3, 2), dtype)).dtype == dtype
    assert (BinaryArray(spikes) @ jnp.ones((3, 2), jnp.int32)).dtype == jnp.float32
    assert (BinaryArray(spikes * u.mV) @ (np.ones((3, 2)) * u.nS)).unit == u.nS
    half = CSR.fromdense(jnp.ones((3, 2), jnp.float16))
    assert (jnp.ones(3, jnp.float32) @ half).dtype == jnp.float32
    assert (jnp.ones(3, jnp.int32) @ half).dtype == jnp.float16


def test_units_of_float_products_multiply_and_cancel() -> None:
    weights = CSR.fromdense(np.ones((3, 2), np.float32) * u.nS)
    current = (np.ones(3, np.float32) * u.mV) @ weights
    assert current.unit.has_same_dim(u.pA)
    np.testing.assert_allclose(current.to_decimal(u.pA), [3.0, 3.0])
    plain = (np.ones(3, np.float32) / u.nS) @ weights
    assert not isinstance(plain, u.Quantity)
    with pytest.raises(u.UnitMismatchError):
        current + 1 * u.mV


def test_derivatives_that_do_not_exist() -> None:
    weights = CSR.fromdense(DENSE)

    def total(spikes: Any) -> Any:
        return jnp.sum(weights @ BinaryArray(spikes))

    with pytest.raises(TypeError, match="bool"):
        jax.grad(total)(jnp.array([True, False, True]))
    assert jax.grad(total, allow_int=True)(jnp.array([1, 0, 2])).dtype == jax.dtypes.float0
    with pytest.raises(NotImplementedError, match="linear"):
        jax.linear_transpose(lambda s: weights @ BinaryArray(s), jnp.ones(3))(jnp.ones(2))
    np.testing.assert_allclose(jax.linear_transpose(lambda x: weights @ x, jnp.ones(3))(jnp.ones(2))[0], DENSE.sum(0))


def test_plain_in_everything_else() -> None:
    value = jnp.array([1.0, 0.0, 2.0])
    events = BinaryArray(value)
    assert EventArray is BinaryArray
    assert isinstance(events, brainevent.EventRepresentation)
    assert (events.shape, events.dtype, events.ndim, events.size, len(events)) == ((3,), value.dtype, 1, 3, 3)
    assert BinaryArray(events).value is value
    assert isinstance(events.T, BinaryArray)
    for result, expected in (
        (value + events, 2 * value),
        (np.asarray(value) + events, 2 * value),
        (events * 3, 3 * value),
        (1 - events, 1 - value),
        (events > 0, value > 0),
        (events == value, value == value),
        (events[1:], value[1:]),
        (abs(-events), value),
        (np.asarray(events), value),
    ):
        assert not isinstance(result, BinaryArray)
        np.testing.assert_array_equal(result, expected)
    doubled = jax.jit(lambda e: e.with_value(e.value * 2))(events)
    assert isinstance(doubled, BinaryArray)
    np.testing.assert_array_equal(doubled.value, 2 * value)
    leaves, tree = jax.tree_util.tree_flatten(events)
    assert leaves == [value] or len(leaves) == 1
    assert isinstance(jax.tree_util.tree_unflatten(tree, [None]), BinaryArray)
