"""Plasticity: every class, side and bound, in place, and with malformed structures."""

import functools
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiled_programs import weight_sized_copies
from tests.covers import parametrize_with_cases
from tests.models.plasticity import PlasticityCase, check_plasticity, plasticity_cases

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn

BACKENDS = ("numba", "reference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_with_cases(metafunc, functools.partial(plasticity_cases, BACKENDS), share=0.3)


@pytest.mark.usefixtures("little_optimisation")
def test_update(case: PlasticityCase, seed: int) -> None:
    check_plasticity(case, seed)


# -- the functions -----------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
DENSE = np.where(RNG.random((7, 5)) < 0.5, RNG.random((7, 5)), 0).astype(np.float32)
PRE, POST = RNG.random(7) < 0.5, RNG.random(5) < 0.5
PRE_TRACE, POST_TRACE = RNG.random(7).astype(np.float32), RNG.random(5).astype(np.float32)
ON_PRE, ON_POST = (PRE, POST_TRACE), (PRE_TRACE, POST)

csr, csc, coo = (cls.fromdense(DENSE) for cls in (CSR, CSC, COO))
fan_out, fan_in = (
    cls(num_pre=7, num_post=5, conn_num=3, weight=lambda key, shape: 0.1 + jax.random.uniform(key, shape), seed=4)
    for cls in (FixedPostNumConn, FixedPreNumConn)
)
by_column = csr.with_csc_index().__matrix_spec__.structure[2:]

# name: (structure, matrix, on pre)
FUNCTIONS: dict[str, tuple[tuple[Any, ...], Any, bool]] = {
    "csr_on_binary_pre": ((csr.indices, csr.indptr), csr, True),
    "csr_on_binary_post": (by_column, csr, False),
    "csr2csc_on_binary_post": (by_column, csr, False),
    "csc_on_binary_pre": ((csc.indices, csc.indptr), csc, True),
    "csc_on_binary_post": ((csc.indices, csc.indptr), csc, False),
    "coo_on_binary_pre": ((coo.row, coo.col), coo, True),
    "coo_on_binary_post": ((coo.row, coo.col), coo, False),
    "dense_on_binary_pre": ((), Dense(DENSE), True),
    "dense_on_binary_post": ((), Dense(DENSE), False),
    "fixed_post_conn_on_binary_pre": ((fan_out.indices,), fan_out, True),
    "fixed_pre_conn_on_binary_post": ((fan_in.indices,), fan_in, False),
}


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    structure, matrix, pre = FUNCTIONS[name]
    update = getattr(brainevent, f"update_{name}")
    shape = {} if isinstance(matrix, Dense) else {"shape": DENSE.shape}
    other = ON_PRE if pre else ON_POST
    events, trace = other if pre else other[::-1]
    dense = np.asarray(matrix.todense())
    exists = (dense != 0) | isinstance(matrix, Dense)
    changed = np.where(events[:, None] if pre else events, trace if pre else trace[:, None], 0)
    expected = np.where(exists, np.clip(dense + changed, 0.2, 0.9), 0)
    given = update(matrix.data, *structure, *other, 0.2, 0.9, **shape)
    np.testing.assert_allclose(matrix.with_data(given).todense(), expected, rtol=1e-6)
    named = update(matrix.data * u.mV, *structure, *_with_unit(other), w_min=0.2 * u.mV, w_max=0.9 * u.mV, **shape)
    assert named.unit == u.mV
    np.testing.assert_allclose(named.mantissa, given, rtol=1e-6)
    unbounded = update(matrix.data, *structure, *other, backend="reference", **shape)
    np.testing.assert_allclose(matrix.with_data(unbounded).todense(), dense + exists * changed, rtol=1e-6)


def _with_unit(other: tuple[Any, Any]) -> tuple[Any, ...]:
    return tuple(array if array.dtype == bool else array * u.mV for array in other)


def test_weights_that_several_entries_share_get_all_traces() -> None:
    """Weight indices that aren't a permutation have one meaning on every backend: add all traces, then clip."""
    weights, slots = np.array([0.0, 1.0, 2.0], np.float32), np.array([2, 2, 9], np.int32)
    rows, indptr = np.array([0, 1, 0], np.int32), np.array([0, 2, 3], np.int32)

    def update(slots: Any) -> Any:
        trace, spikes = np.array([3.0, -2.0], np.float32), np.array([True, True])
        return brainevent.update_csr_on_binary_post(
            weights, rows, indptr, slots, trace, spikes, 0.5, 3.5, shape=(2, 2), clip="updated"
        )

    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            np.testing.assert_array_equal(jax.jit(update)(slots), [0.0, 1.0, 3.0])
    with pytest.raises(brainevent.StructureError, match="weight_indices holds 9"):
        update(slots)


# -- in place ----------------------------------------------------------------------------------------------------------

N, M = 61, 53
LARGE = np.where(RNG.random((N, M)) < 0.3, RNG.random((N, M)) + 0.5, 0).astype(np.float32)
MATRICES = {cls.__name__: cls.fromdense(LARGE) for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)}
MATRICES["CSR+index"] = MATRICES["CSR"].with_csc_index()


def _updates(matrix: Any, pre: Any, post: Any) -> Any:
    trace = jnp.linspace(0, 0.1, N), jnp.linspace(0, 0.1, M)
    matrix = matrix.update_on_pre(pre, trace[1], 0.0, 1.2, clip="updated")
    return matrix.update_on_post(trace[0], post, 0.0, 1.2, clip="all")


def _alone(matrix: Any, pre: Any, post: Any) -> Any:
    return _updates(matrix, pre, post), 0


def _beside_event_products(matrix: Any, pre: Any, post: Any) -> Any:
    return _updates(matrix, pre, post), (BinaryArray(pre) @ matrix, matrix @ BinaryArray(post))


def _after_event_products(matrix: Any, pre: Any, post: Any) -> Any:
    currents = BinaryArray(pre) @ matrix, matrix @ BinaryArray(post)
    return _updates(matrix, pre, post), currents


def _after_a_float_product(matrix: Any, pre: Any, post: Any) -> Any:
    current = pre.astype(np.float32) @ matrix
    return _updates(matrix, pre, post), current


def _after_their_mean(matrix: Any, pre: Any, post: Any) -> Any:
    mean = matrix.data.mean()
    return _updates(matrix, pre, post), mean


STEPS: dict[str, Callable[..., Any]] = {
    "alone": _alone,
    "after event products": _after_event_products,
    "after a float product": _after_a_float_product,
    "after their mean": _after_their_mean,
}


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", MATRICES)
def test_a_loop_changes_weights_in_place(name: str, step: str, rng: np.random.Generator) -> None:
    matrix = MATRICES[name]

    def run(weights: Any, spikes: Any) -> Any:
        def turn(weights: Any, spikes: Any) -> Any:
            new, out = STEPS[step](matrix.with_data(weights), *spikes)
            return new.data, out

        return jax.lax.scan(turn, weights, spikes)

    spikes = rng.random((4, N)) < 0.2, rng.random((4, M)) < 0.2
    program = jax.jit(run, donate_argnums=0).lower(matrix.data, spikes).compile()
    assert not weight_sized_copies(program.as_text(), matrix.data.size)
    new, outs = program(jnp.array(matrix.data), spikes)
    with brainevent.use_backend("reference"):
        expected, expected_outs = jax.jit(run)(matrix.data, spikes)
    np.testing.assert_allclose(new, expected, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), outs, expected_outs)


def test_weights_that_are_needed_still_are_copied(rng: np.random.Generator) -> None:
    """The product is computed from the old weights, even if the program has it after the update."""
    matrix, pre, post = MATRICES["CSR"], jnp.asarray(rng.random(N) < 0.2), jnp.asarray(rng.random(M) < 0.2)
    _, currents = jax.jit(_beside_event_products)(matrix, pre, post)
    np.testing.assert_allclose(currents[0], pre @ LARGE, rtol=1e-5)
    np.testing.assert_allclose(currents[1], LARGE @ post, rtol=1e-5)
    np.testing.assert_array_equal(matrix.todense(), LARGE)


def test_donated_weights_are_overwritten() -> None:
    weights = jnp.array(MATRICES["CSR"].data)
    address = weights.unsafe_buffer_pointer()
    update = jax.jit(
        lambda w: MATRICES["CSR"].with_data(w).update_on_pre(jnp.ones(N), 0.1, clip="updated").data, donate_argnums=0
    )
    assert update(weights).unsafe_buffer_pointer() == address
    assert weights.is_deleted()


# -- malformed structures ----------------------------------------------------------------------------------------------

INDEX = st.sampled_from([-(2**31), -7, -1, 0, 0, 1, 1, 2, 3, 4, 5, 2**31 - 1])


@st.composite
def structures(draw: Any) -> tuple[type, tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """A class, its structure for a shape of (4, 5), and the row and column of each entry, -1 for none."""
    cls = draw(st.sampled_from([CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn]))
    transposed = cls in (CSC, FixedPreNumConn)
    lines = 5 if transposed else 4
    if cls is COO:
        pairs = np.array(draw(st.lists(st.tuples(INDEX, INDEX), min_size=6, max_size=6)), np.int64)
        if draw(st.booleans()):
            pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        line, other = pairs.T
        structure: tuple[np.ndarray, ...] = (line.astype(np.int32), other.astype(np.int32))
    elif cls in (CSR, CSC):
        other = np.array(draw(st.lists(INDEX, min_size=6, max_size=6)), np.int32)
        indptr = np.array(draw(st.lists(INDEX, min_size=lines + 1, max_size=lines + 1)), np.int32)
        structure = (other, indptr)
        bounds = np.maximum.accumulate(np.clip(indptr, 0, 6))
        line = np.full(6, -1)
        for i in range(lines):
            line[bounds[i] : bounds[i + 1]] = i
    else:
        other = np.array(draw(st.lists(INDEX, min_size=2 * lines, max_size=2 * lines)), np.int32)
        structure, line = (other.reshape(lines, 2),), np.repeat(np.arange(lines), 2)
    row, col = (other, line) if transposed else (line, other)
    return cls, structure, row, col


UPDATES = (structures(), st.booleans(), st.booleans(), st.sampled_from(["all", "updated"]), st.integers(0, 2**32 - 1))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(*UPDATES)
def test_malformed_structure_has_one_result(drawn: Any, pre: bool, indexed: bool, clip: str, seed: int) -> None:
    check_malformed_structure(*drawn, pre, indexed, clip, seed)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(*UPDATES)
def test_many_malformed_structures(drawn: Any, pre: bool, indexed: bool, clip: str, seed: int) -> None:
    check_malformed_structure(*drawn, pre, indexed, clip, seed)


def check_malformed_structure(
    cls: Any, structure: Any, row: Any, col: Any, pre: bool, indexed: bool, clip: str, seed: int
) -> None:
    """Empty rows, duplicates, any order, arbitrary indices and pointers: entries out of range never change."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=structure[0].shape).astype(np.float32)
    spikes, trace = rng.random(4 if pre else 5) < 0.6, rng.normal(size=5 if pre else 4).astype(np.float32)
    spiking, other = (row, col) if pre else (col, row)
    exists = (row >= 0) & (row < 4) & (col >= 0) & (col < 5)
    event = np.array([bool(e and spikes[line]) for e, line in zip(exists, spiking)]).reshape(weights.shape)
    added = np.array([trace[i] if e else 0 for e, i in zip(exists, other)], np.float32).reshape(weights.shape)
    expected = weights + np.where(event, added, 0)
    expected = np.where(event | (clip == "all"), np.clip(expected, -0.5, 0.5), expected)
    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            found = _jitted(cls, pre, indexed and cls is not COO, clip, backend)(weights, structure, spikes, trace)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("dtype", [np.int32, np.int8])
@pytest.mark.parametrize("cls", [CSR, COO, FixedPostNumConn])
@pytest.mark.parametrize(("activity", "clip"), [(0.02, "updated"), (0.5, "updated"), (0.02, "all"), (0.5, "all")])
def test_a_search_through_many_entries(
    cls: type, dtype: type, activity: float, clip: str, rng: np.random.Generator
) -> None:
    """Events of columns without an index, and of unsorted rows: long lists with some entries out of range."""
    shape, entries = (200, 150), 200 * 32
    row = np.repeat(np.arange(200), 32)
    col = rng.integers(-128, 128, entries) if dtype is np.int8 else rng.integers(0, 150, entries)
    col[rng.integers(0, entries, 40)] = -1
    structure: Any = (col.astype(dtype).reshape(200, 32),)
    if cls is CSR:
        structure = (col.astype(dtype), np.arange(0, entries + 1, 32, dtype=np.int32))
    elif cls is COO:
        # The other way round: rows have the events.
        row, col, shape = col, np.arange(entries) % 120, (150, 120)
        structure = (row.astype(dtype), col.astype(dtype))
    spikes = rng.random(150) < activity
    weights = rng.normal(size=structure[0].shape).astype(np.float32)
    trace = rng.normal(size=shape[1] if cls is COO else shape[0]).astype(np.float32)
    spiking, other = (row, col) if cls is COO else (col, row)
    event = ((spiking >= 0) & (spiking < 150) & spikes[spiking % 150]).reshape(weights.shape)
    changed = np.clip(weights + trace[other].reshape(weights.shape), -0.5, 0.5)
    others = np.clip(weights, -0.5, 0.5) if clip == "all" else weights
    matrix: Any = cls((weights, *structure), shape=shape, check=False)
    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            if cls is COO:
                found = matrix.update_on_pre(spikes, trace, -0.5, 0.5, clip=clip).data
            else:
                found = matrix.update_on_post(trace, spikes, -0.5, 0.5, clip=clip).data
        np.testing.assert_allclose(found, np.where(event, changed, others), rtol=1e-6)


_functions: dict[tuple[Any, ...], Any] = {}


def _jitted(cls: Any, pre: bool, indexed: bool, clip: str, backend: str) -> Any:
    """A single compiled function for all examples of a kind."""

    def update(weights: Any, structure: Any, spikes: Any, trace: Any) -> Any:
        matrix = cls((weights, *structure), shape=(4, 5), check=False)
        matrix = matrix.with_csc_index() if indexed else matrix
        if pre:
            return matrix.update_on_pre(spikes, trace, -0.5, 0.5, clip=clip).data
        return matrix.update_on_post(trace, spikes, -0.5, 0.5, clip=clip).data

    return _functions.setdefault((cls, pre, indexed, clip, backend), jax.jit(update))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("clip", ["all", "updated"])
def test_special_numbers_are_those_of_jnp_clip(clip: str, backend: str) -> None:
    """NaN and infinite weights, traces and bounds; traces of silent entries have no effect."""
    weights = np.array([[np.nan, np.inf, -np.inf, 1.0], [np.nan, np.inf, -np.inf, 1.0]], np.float32)
    spikes, trace = np.array([True, False]), np.array([1.0, np.nan, np.inf, -np.inf], np.float32)
    for bounds in ((0.0, 2.0), (np.nan, 1.0), (0.0, np.nan), (3.0, 2.0), (-np.inf, np.inf)):
        with np.errstate(invalid="ignore"):
            sums = weights + trace
        expected = jnp.clip(jnp.where(spikes[:, None], sums, weights), *bounds)
        if clip == "updated":
            expected = jnp.where(spikes[:, None], expected, weights)
        with brainevent.use_backend(backend):
            found = jax.jit(lambda lo, hi: Dense(weights).update_on_pre(spikes, trace, lo, hi, clip=clip).data)(*bounds)
        np.testing.assert_array_equal(found, expected)


# -- errors ------------------------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "homogeneous": (
        lambda: CSR((1.0, [0, 1], [0, 2]), shape=(1, 2)).update_on_pre([1], 1.0),
        ValueError,
        "homogeneous",
    ),
    "generated": (
        lambda: brainevent.JITCScalarR(1.0, 0.5, 0, shape=(3, 3)).update_on_pre(np.ones(3), 1.0),
        NotImplementedError,
        "stored nowhere",
    ),
    "spikes too short": (
        lambda: csr.update_on_pre(PRE[:3], POST_TRACE),
        ValueError,
        r"presynaptic.*\(7,\), got \(3,\)",
    ),
    "encoded spikes too short": (
        lambda: csr.update_on_post(PRE_TRACE, brainevent.bitpack(POST[:3])),
        ValueError,
        r"postsynaptic.*\(5,\), got \(3,\)",
    ),
    "spikes in a batch": (lambda: csr.update_on_pre(PRE[None], POST_TRACE), ValueError, r"\(1, 7\); jax\.vmap"),
    "trace too long": (lambda: csr.update_on_pre(PRE, PRE_TRACE), ValueError, r"trace.*\(5,\).*got \(7,\)"),
    "bounds of another shape": (
        lambda: csr.update_on_pre(PRE, 1.0, w_max=csr.data[1:]),
        ValueError,
        r"one number for all weights, one for each, of shape .*\(7, 1\) for one bound per presynaptic",
    ),
    "clip": (lambda: csr.update_on_pre(PRE, 1.0, clip="some"), ValueError, "'all', 'updated'; got 'some'"),
    "unit of the trace": (lambda: csr.update_on_pre(PRE, 1.0 * u.mV), u.UnitMismatchError, ""),
    "unit of a bound": (
        lambda: csr.with_data(csr.data * u.mV).update_on_pre(PRE, 1 * u.mV, 0.0),
        u.UnitMismatchError,
        "",
    ),
    "integer weights": (lambda: Dense(np.ones((2, 2), int)).update_on_pre([1, 0], 1.0), TypeError, "floating-point"),
    "complex trace": (lambda: csr.update_on_pre(PRE, 1j), TypeError, "real numbers"),
    "index of a column": (
        lambda: brainevent.update_csr_on_binary_pre(np.ones(2), [0, 9], [0, 2], [1], 1.0, shape=(1, 2)),
        ValueError,
        "holds 9",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_says_what_is_wrong(name: str) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=f"(?s){message}"):
        call()
