"""What counts as an event, and how event arrays behave with plain arrays."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import (
    COO,
    CSC,
    CSR,
    BinaryArray,
    BitPackedBinary,
    CompactBinary,
    Dense,
    EventArray,
    FixedPostNumConn,
    FixedPreNumConn,
)

pytestmark = pytest.mark.usefixtures("little_optimisation")

MATRICES = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)
ENCODED = (BitPackedBinary, CompactBinary)
EVENTS = (BinaryArray, *ENCODED)


@pytest.mark.cover
@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("events", EVENTS)
@pytest.mark.parametrize("cls", MATRICES)
def test_events_select(cls: Any, events: Any, rank: int, backend: str, rng: np.random.Generator) -> None:
    """Every nonzero counts as one event, including NaN; infinite and NaN weights of silent rows have no effect."""
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
            np.testing.assert_allclose(events(spikes) @ matrix, expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(mirrored @ events(spikes), expected, rtol=1e-5, atol=1e-6)
        else:
            expected = np.zeros((3, 6), np.float32)
            with np.errstate(invalid="ignore"):
                for i, column in enumerate(columns.T):
                    expected[i] = loud[column != 0].sum(axis=0)
            np.testing.assert_allclose(events(columns.T) @ matrix, expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(mirrored @ events(columns), expected.T, rtol=1e-5, atol=1e-6)


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
    """An array type of a user."""

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
@pytest.mark.parametrize("cls", EVENTS)
def test_arrays_on_either_side_defer(cls: Any, kind: str, traced: bool) -> None:
    """An entry of 2 counts as one event on either side, so the array has deferred to our operator."""
    spikes = np.array([2.0, 0.0, 5.0], np.float32)

    def products(dense: Any, spikes: Any) -> Any:
        events = cls(spikes)
        wrap = LEFT[kind] if kind != "CSR" else (lambda a: CSR.fromdense(a, nse=6))
        results = (wrap(dense) @ events, events @ wrap(dense.T))
        return [r.mantissa if isinstance(r, u.Quantity) else r for r in results]

    if kind == "numpy" and traced:
        products(DENSE, spikes)  # a NumPy array is never traced
    for result in (jax.jit(products) if traced and kind != "numpy" else products)(DENSE, spikes):
        np.testing.assert_allclose(result, [1 + 3, 4 + 6])


@pytest.mark.parametrize("cls", EVENTS)
def test_events_on_both_sides_count_once(cls: Any) -> None:
    left, right = cls(jnp.array([2.0, 0.0, 1.0])), BinaryArray(jnp.array([3.0, 5.0, 7.0]))
    assert float(left @ right) == float(right @ left) == 2.0


def test_half_precision_is_accumulated_in_single() -> None:
    """Cotangents of ±300 with x = 300: each term overflows float16, but their sum is 0."""
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
    with pytest.warns(UserWarning, match="quantity in mV"):
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
    np.array(events)[0] = 5  # changes only a copy
    doubled = jax.jit(lambda e: e.with_value(e.value * 2))(events)
    assert isinstance(doubled, BinaryArray)
    np.testing.assert_array_equal(doubled.value, 2 * value)
    leaves, tree = jax.tree_util.tree_flatten(events)
    assert leaves == [value] or len(leaves) == 1
    assert isinstance(jax.tree_util.tree_unflatten(tree, [None]), BinaryArray)


@pytest.mark.parametrize("shape", [(5,), (64,), (70,), (0,), (3, 40), (40, 0), (2, 40, 3)])
@pytest.mark.parametrize("cls", ENCODED)
def test_encoded_events_stand_for_a_mask(cls: Any, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    mask = rng.random(shape) < 0.3
    for axis in range(-len(shape), len(shape)):
        events = cls(mask, axis=axis)
        assert (events.shape, events.dtype, events.ndim, events.size) == (shape, bool, len(shape), mask.size)
        assert events.axis == axis % len(shape) - len(shape)
        for same, expected in (
            (events, mask),
            (events.T, mask.T),
            (events.with_value(~mask), ~mask),
            (cls(events, axis=axis), mask),
            (BinaryArray(events), mask),
        ):
            np.testing.assert_array_equal(same.value, expected)
        assert events.T.T.axis == events.axis
        assert "axis=" in repr(events)


@pytest.mark.parametrize("cls", ENCODED)
def test_encoded_events_are_plain_in_everything_else(cls: Any) -> None:
    mask = np.array([True, False, True])
    events = cls(mask)
    for result, expected in (
        (mask + events, mask),
        (events * 3, 3 * mask),
        (1 - events, 1 - mask),
        (events & events, mask),
        (~events, ~mask),
        (events == mask, mask == mask),
        (events[1:], mask[1:]),
        (np.asarray(events), mask),
        (np.array(list(events)), mask),
    ):
        np.testing.assert_array_equal(result, expected)
        assert not isinstance(result, cls)
    double = brainevent.XLACustomKernel(f"tests.double.{cls.__name__}")
    double.def_reference(lambda x, outs: 2 * x)
    np.testing.assert_array_equal(double(events, outs=jax.ShapeDtypeStruct((3,), jnp.int32)), 2 * mask)


def test_layout_of_encoded_events(rng: np.random.Generator) -> None:
    mask = rng.random((2, 70)) < 0.3
    indices = [np.flatnonzero(row).tolist() for row in mask]
    words = [[sum(1 << i % 32 for i in row if i // 32 == w) for w in range(3)] for row in indices]
    np.testing.assert_array_equal(brainevent.bitpack(mask).packed, words)
    np.testing.assert_array_equal(brainevent.bitpack(mask.T, axis=0).packed, np.transpose(words))
    listed = CompactBinary(mask)
    np.testing.assert_array_equal(listed.count, list(map(len, indices)))
    for row, expected in zip(listed.indices, indices, strict=True):
        assert row.tolist() == expected + [70] * (70 - len(expected))
    for tiny in (np.array([2**32]), np.array([5e-324])):
        assert int(CompactBinary(tiny).count) == int(brainevent.bitpack(tiny).packed[0]) == 1


@pytest.mark.parametrize("cls", ENCODED)
def test_encoded_events_pass_through_transforms(cls: Any, rng: np.random.Generator) -> None:
    """A spike train is encoded once and then used in scan and vmap, whichever axis is encoded."""
    dense = rng.normal(size=(40, 6)).astype(np.float32)
    matrix, mask = CSR.fromdense(dense), rng.random((5, 40)) < 0.3
    train = cls(mask)
    for out in (
        jax.lax.scan(lambda state, events: (state, events @ matrix), 0, train)[1],
        jax.vmap(lambda events: events @ matrix)(train),
        jax.vmap(lambda events: events @ matrix, in_axes=1)(cls(mask.T, axis=0)),
        jax.vmap(cls)(mask) @ matrix,
        (matrix.T @ cls(mask.T, axis=0)).T,
        (matrix.T @ train.T).T,
    ):
        np.testing.assert_allclose(out, mask @ dense, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls", ENCODED)
def test_encoded_events_have_no_derivative(cls: Any) -> None:
    weights, values = CSR.fromdense(DENSE), jnp.array([0.5, 0.0, 2.0])

    def total(values: Any, data: Any) -> Any:
        return jnp.sum(weights.with_data(data) @ cls(values))

    for compile_ in (lambda fn: fn, jax.jit, jax.checkpoint):
        with pytest.raises(brainevent.UnsupportedOperationError, match="stop_gradient"):
            jax.grad(compile_(total))(values, weights.data)
        exact = jax.grad(compile_(total), argnums=1)(values, weights.data)
        np.testing.assert_array_equal(exact, [1, 0, 1, 1, 0, 1])
    stopped = jax.grad(lambda values: total(jax.lax.stop_gradient(values), weights.data))(values)
    np.testing.assert_array_equal(stopped, np.zeros(3))


def test_no_event_is_lost() -> None:
    mask = np.array([[True, True, False, True], [False, True, False, True]])
    assert CompactBinary(mask, 3).indices.shape == (2, 3)
    np.testing.assert_array_equal(CompactBinary(mask, 3).value, mask)
    np.testing.assert_array_equal(CompactBinary(mask, 9).value, mask)
    np.testing.assert_array_equal(CompactBinary(mask, 3).with_value(~mask).value, ~mask)
    with pytest.raises(brainevent.MathError, match=r"3 events.*capacity=2; raise it to 3"):
        CompactBinary(jnp.asarray(mask), capacity=2)
    with pytest.raises(brainevent.MathError, match=r"3 events.*capacity=2"):
        jax.jit(lambda: CompactBinary(mask, capacity=2).value)()
    with pytest.raises(brainevent.MathError, match=r"capacity=3 could lose some of 4"):
        jax.jit(lambda mask: CompactBinary(mask, capacity=3).value)(mask)


@pytest.mark.parametrize("cls", ENCODED)
def test_errors_of_encoded_events(cls: Any) -> None:
    weights = CSR.fromdense(DENSE)
    for make, kind, message in (
        (lambda: cls(np.ones(3), axis=1), brainevent.MathError, r"\(3,\) has no axis 1"),
        (lambda: cls(1.0), brainevent.MathError, r"\(\) has no axis -1"),
        (lambda: cls(np.ones(3, complex)), brainevent.DTypeError, "complex128"),
        (lambda: cls(np.array(["a"])), brainevent.DTypeError, "<U1"),
        (lambda: weights @ cls(np.ones(4)), brainevent.MathError, r"matrix \(2, 3\) @ events \(4,\)"),
        (lambda: cls(np.ones((5, 3))) @ weights, brainevent.MathError, r"events \(5, 3\) @ matrix \(2, 3\)"),
        (lambda: cls(np.ones((2, 2, 2))) @ weights, brainevent.MathError, r"events of shape \(2, 2, 2\)"),
        (lambda: weights @ jax.tree_util.tree_map(lambda a: 1.0 * a, cls(np.ones(3))), brainevent.DTypeError, "float"),
        (lambda: setattr(cls(np.ones(3)), "axis", 0), AttributeError, "immutable"),
    ):
        with pytest.raises(kind, match=message):
            make()
