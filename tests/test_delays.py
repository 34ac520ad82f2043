"""Delayed events: compared with a queue, in place, after all changes of a matrix, and errors."""

import functools
import pickle
import re
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.covers import parametrize_with_cases
from tests.models.delays import Queue, check_delays, delay_cases
from tests.models.products import MATRICES, random_structure

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, DelayRing, FixedPostNumConn, FixedPreNumConn, SparseFloat
from brainevent_core.formats import CSC_INDEX, CSR_FORMAT, DELAY, WEIGHT_INDICES

BACKENDS = ("numba", "reference")
SPARSE = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_with_cases(metafunc, functools.partial(delay_cases, BACKENDS), share=0.12)


@pytest.mark.usefixtures("little_optimisation")
def test_arrivals_are_those_of_a_queue(case: Any, seed: int) -> None:
    check_delays(case, seed)


# -- in place ----------------------------------------------------------------------------------------------------------

N, M, SLOTS = 61, 53, 6


def ring_sized_copies(program: str, size: int) -> list[str]:
    """Instructions in loop bodies of a compiled program that copy or recompute exactly ``size`` numbers."""
    found = []
    for name in set(re.findall(r"body=%?([\w.\-]+)", program)):
        body = re.search(rf"^%?{re.escape(name)} .*?^\}}", program, re.DOTALL | re.MULTILINE)
        assert body
        for line in body.group().splitlines():
            made = re.search(r"= \(?f32\[([\d,]*)\]\S* (copy|copy-start|fusion|pad|concatenate|dynamic)\b", line)
            if made and np.prod([int(n) for n in made[1].split(",") if n]) == size:
                found.append(line.strip())
    return found


def _large(cls: type, rng: np.random.Generator) -> Any:
    dense = np.where(rng.random((N, M)) < 0.1, rng.random((N, M)) + 0.5, 0).astype(np.float32)
    matrix: Any = cls.fromdense(dense)  # type: ignore[attr-defined]
    return matrix.with_delay(rng.integers(1, SLOTS, matrix.data.shape).astype(np.uint8))


def _add_pop(ring: Any, matrices: Any, spikes: Any) -> Any:
    for matrix in matrices:
        ring = ring.add(BinaryArray(spikes), matrix)
    now, ring = ring.pop()
    return ring, now


def _pop_add(ring: Any, matrices: Any, spikes: Any) -> Any:
    """As in a network, where spikes depend on what arrives; and something else reads the ring."""
    now, ring = ring.pop()
    waiting = ring.buffer.sum()
    for matrix in matrices:
        ring = ring.add(BinaryArray(spikes | (now[:1] > 1e9)), matrix)
    return ring, (now, waiting)


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize("step", [_add_pop, _pop_add])
@pytest.mark.parametrize("cls", SPARSE)
def test_a_loop_adds_to_the_ring_in_place(cls: type, step: Any, rng: np.random.Generator) -> None:
    matrices = _large(cls, rng), _large(cls, rng)

    def run(ring: Any, matrices: Any, spikes: Any) -> Any:
        return jax.lax.scan(lambda ring, one: step(ring, matrices, one), ring, spikes)

    spikes = rng.random((2 * SLOTS + 1, N)) < 0.3  # so that no stacked array has the size of the ring
    program = jax.jit(run, donate_argnums=0).lower(DelayRing(SLOTS, M), matrices, spikes).compile()
    assert not ring_sized_copies(program.as_text(), SLOTS * M)
    found = program(DelayRing(SLOTS, M), matrices, spikes)
    with brainevent.use_backend("reference"):
        expected = jax.jit(run)(DelayRing(SLOTS, M), matrices, spikes)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected)


def test_a_ring_that_is_needed_still_is_copied(rng: np.random.Generator) -> None:
    matrix, spikes = _large(CSR, rng), rng.random(N) < 0.3
    ring = DelayRing(SLOTS, M).add(BinaryArray(spikes), matrix)
    before = np.array(ring.buffer)
    later = jax.jit(lambda ring: ring.add(BinaryArray(spikes), matrix))(ring)
    np.testing.assert_array_equal(ring.buffer, before)
    np.testing.assert_allclose(later.buffer, 2 * before, rtol=1e-6)


def test_spikes_arrive_in_a_recurrent_network_when_they_should() -> None:
    """Neurons that fire as soon as a spike arrives fire at the sums of the delays along a chain. If firing takes a
    step, each neuron adds one step."""
    chain = CSR.fromdense(np.diag(np.ones(4, np.float32), 1)).with_delay(np.array([3, 1, 2, 4]))

    def at_once(ring: Any, outside: Any) -> Any:
        fired = (ring.now > 0.5) | outside
        _, ring = ring.add(BinaryArray(fired), chain).pop()
        return ring, fired

    def within_a_step(ring: Any, outside: Any) -> Any:
        now, ring = ring.pop()
        fired = (now > 0.5) | outside  # at the end of the step, after `pop`
        return ring.add(BinaryArray(fired), chain), fired

    outside = np.zeros((20, 5), bool)
    outside[0, 0] = True
    for step, times in ((at_once, [0, 3, 4, 6, 10]), (within_a_step, [0, 4, 6, 9, 14])):
        fired = jax.jit(lambda ring, outside, step=step: jax.lax.scan(step, ring, outside))(DelayRing(5, 5), outside)[1]
        assert [np.flatnonzero(neuron).tolist() for neuron in np.asarray(fired).T] == [[time] for time in times]


# -- changes of a matrix -----------------------------------------------------------------------------------------------


def synapses(matrix: Any) -> list[tuple[int, int, float, int]]:
    """(row, column, weight, delay) of each valid entry, sorted; found with events of one row at a time."""
    n_pre, n_post = matrix.shape
    found = []
    for row in range(n_pre):
        for t in range(1):
            spikes = np.zeros(n_pre, bool)
            spikes[row] = True
            ring = DelayRing(10, n_post).add(BinaryArray(spikes), matrix, backend="reference")
            delay, col = np.nonzero(np.asarray(ring.buffer))
            found += [
                (row, int(c), float(np.asarray(ring.buffer)[d, c]), int(d) - t) for d, c in zip(delay, col, strict=True)
            ]
    return sorted(found)


def same(i: int, j: int, w: float, d: int) -> Any:
    return i, j, w, d


def turned(i: int, j: int, w: float, d: int) -> Any:
    return j, i, w, d


def heavier(i: int, j: int, w: float, d: int) -> Any:
    return i, j, w + 1.0, d


#: Changes of a matrix, and their effect on a synapse, which is None if the synapse is removed.
CHANGES: dict[str, Callable[[Any], tuple[Any, Callable[..., Any]]]] = {
    "tocsr": lambda m: (m.tocsr(), same),
    "tocsc": lambda m: (m.tocsc(), same),
    "tocoo": lambda m: (m.tocoo(), same),
    "with room": lambda m: (m.tocsr(nse=m.nse + 3), same),
    "sorted": lambda m: (m.tocoo().sort_indices(), same),
    "transposed": lambda m: (m.T, turned),
    "transposed coo": lambda m: (m.tocoo().T, turned),
    "transposed twice": lambda m: (m.T.tocoo().T.tocsc(), same),
    "index": lambda m: (m.tocsr().with_csc_index().tocsc(), same),
    "rows": lambda m: (m.tocsr().slice_rows(slice(1, 6)), lambda i, j, w, d: (i - 1, j, w, d) if 1 <= i < 6 else None),
    "rows of columns": lambda m: (
        m.tocsc().slice_rows([5, 2]), lambda i, j, w, d: ([5, 2].index(i), j, w, d) if i in (2, 5) else None,
    ),
    "twice": lambda m: (m * 2.0, lambda i, j, w, d: (i, j, 2 * w, d)),
    "sum": lambda m: (m + m, lambda i, j, w, d: (i, j, 2 * w, d)),
    "negative": lambda m: (-m, lambda i, j, w, d: (i, j, -w, d)),
    "other weights": lambda m: (m.with_data(m.data + 1.0), heavier),
    "in weights": lambda m: (
        brainevent.with_weights(m, brainevent.weights(m) * 3.0), lambda i, j, w, d: (i, j, 3 * w, d),
    ),
    "jit": lambda m: (jax.jit(lambda m: m.tocoo())(m), same),
    "diagonal": lambda m: (m.tocsr().with_delay(None).with_delay(m.tocsr().delay), same),
    "later": lambda m: (m.with_delay(9), lambda i, j, w, d: (i, j, w, 9)),
    "plasticity": lambda m: (m.update_on_pre(np.ones(m.shape[0]), np.ones(m.shape[1])), heavier),
    "plasticity by column": lambda m: (m.update_on_post(np.ones(m.shape[0]), np.ones(m.shape[1])), heavier),
}  # fmt: skip


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("extent", ["all", "row", "entry"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("cls", SPARSE)
def test_delays_go_with_their_entries(cls: type, change: str, extent: str, rng: np.random.Generator) -> None:
    dense = np.where(rng.random((7, 5)) < 0.5, rng.random((7, 5)) + 0.5, 0).astype(np.float32)
    plain: Any = cls.fromdense(dense)  # type: ignore[attr-defined]
    shape = {"all": (), "row": (7,), "entry": plain.data.shape}[extent]
    matrix = plain.with_delay(rng.integers(1, 9, shape))
    changed, as_changed = CHANGES[change](matrix)
    expected = [as_changed(*one) for one in synapses(matrix)]
    found = synapses(changed)
    wanted = sorted(one for one in expected if one is not None)
    assert [one[:2] + one[3:] for one in found] == [one[:2] + one[3:] for one in wanted]
    np.testing.assert_allclose([one[2] for one in found], [one[2] for one in wanted], rtol=1e-6)
    # The matrix itself still has its original entries.
    at = {(i, j): (w, d) for i, j, w, d in synapses(matrix)}
    assert {place: w for place, (w, _) in at.items()} == {(int(i), int(j)): dense[i, j] for i, j in np.argwhere(dense)}


def test_synapses_of_one_pair_with_several_delays_stay_apart() -> None:
    matrix = COO([-1.0, 2.0, 3.0], [0, 0, 0], [1, 1, 1], shape=(2, 2), delay=[1, 2, 1])
    assert synapses(abs(matrix)) == [(0, 1, 2.0, 1), (0, 1, 2.0, 2)]
    assert synapses(jax.jit(abs)(matrix)) == [(0, 1, 2.0, 1), (0, 1, 2.0, 2)]


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("cls", SPARSE)
def test_elements_are_those_without_delays(cls: type, rng: np.random.Generator) -> None:
    matrix = _large(cls, rng)
    plain = matrix.with_delay(None)
    assert plain.delay is None
    for of in (
        lambda m: m.todense(), lambda m: m[3], lambda m: m[2:5], lambda m: m[:, 4], lambda m: m[1, 2],
        lambda m: m.sum(0), lambda m: m.sum(1), lambda m: m > 0.5, lambda m: m.in_degrees(),
        lambda m: m.yw_to_w(np.ones(N, np.float32), 1.0), lambda m: m + np.ones((N, M), np.float32),
    ):  # fmt: skip
        np.testing.assert_array_equal(of(matrix), of(plain))


def test_a_matrix_with_delays_is_a_pytree_like_others(rng: np.random.Generator) -> None:
    matrix = _large(CSR, rng).with_csc_index()
    copy = pickle.loads(pickle.dumps(matrix))
    np.testing.assert_array_equal(copy.delay, matrix.delay)
    assert copy.__matrix_spec__.format is matrix.__matrix_spec__.format
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(matrix)[0]]
    assert paths[:4] == [".data", ".indices", ".indptr", ".delay"]
    exported = jax.export.export(jax.jit(lambda ring, m: ring.add(BinaryArray(jnp.ones(N, bool)), m)))(
        DelayRing(SLOTS, M), matrix
    )
    loaded = jax.export.deserialize(exported.serialize())
    found = loaded.call(DelayRing(SLOTS, M), matrix)
    np.testing.assert_allclose(
        found.buffer, DelayRing(SLOTS, M).add(BinaryArray(jnp.ones(N, bool)), matrix).buffer, rtol=1e-5
    )
    gradient = brainevent.grad(lambda m: DelayRing(SLOTS, M).add(jnp.ones(N), m).buffer.sum())(matrix)
    np.testing.assert_allclose(gradient, 1.0)


def test_components_have_one_order() -> None:
    assert CSR_FORMAT.with_component(CSC_INDEX).with_component(DELAY) is CSR_FORMAT.with_component(
        DELAY
    ).with_component(CSC_INDEX)
    assert CSR_FORMAT.with_component(DELAY).with_component(CSC_INDEX).without(DELAY) is CSR_FORMAT.with_component(
        CSC_INDEX
    )
    for first, second in ((DELAY, WEIGHT_INDICES), (WEIGHT_INDICES, DELAY)):
        with pytest.raises(brainevent.RegistrationError, match="order"):
            CSR_FORMAT.with_component(first).with_component(second)


# -- malformed structures ----------------------------------------------------------------------------------------------


@pytest.mark.cover(share=0.25)
@pytest.mark.parametrize("extent", ["all", "row", "column", "entry"])
@pytest.mark.parametrize("name", [name for name in MATRICES if name != "Dense"])
def test_what_can_not_arrive_is_left_out(name: str, extent: str, rng: np.random.Generator) -> None:
    """Arbitrary delays, indices and pointers have a single defined result, the same on every backend."""
    shape, slots = (9, 6), 4
    structure, row, col, per_entry = random_structure(name.removesuffix("+index"), shape, rng)
    delay = rng.choice([-(2**31), -1, 0, 1, 2, 3, slots, 250, 2**31 - 1], size={
        "all": (1,), "row": (shape[0], 1), "column": (1, shape[1]), "entry": per_entry
    }[extent]).astype(np.int32)  # fmt: skip
    indices = structure[0].astype(np.int32)
    outside = rng.random(indices.shape) < 0.3
    indices = np.where(outside, rng.choice([-(2**31), -1, 100, 2**31 - 1], indices.shape), indices).astype(np.int32)
    structure = (indices, *(array.astype(np.int32) for array in structure[1:]))
    of_column = name.removesuffix("+index") in ("CSC", "FixedPreNumConn", "COO")
    row = indices.ravel() if of_column else row
    col = col if of_column else indices.ravel()
    weights, spikes = rng.normal(size=per_entry).astype(np.float32), rng.random(shape[0]) < 0.6
    expected, t = np.zeros((slots, shape[1])), 2**31 - 2
    each = {
        "all": lambda i, j, k: delay[0], "row": lambda i, j, k: delay[i, 0], "column": lambda i, j, k: delay[0, j],
        "entry": lambda i, j, k: delay.ravel()[k],
    }[extent]  # fmt: skip
    for k, (i, j) in enumerate(zip(row, col, strict=True)):
        if 0 <= i < shape[0] and 0 <= j < shape[1] and spikes[i] and 1 <= each(i, j, k) < slots:
            expected[(t + int(each(i, j, k))) % slots, j] += weights.ravel()[k]

    def run(structure: Any, delay: Any, spikes: Any) -> Any:
        matrix = MATRICES[name]((weights, *structure), shape=shape, delay=delay)
        matrix = matrix.with_csc_index() if name.endswith("+index") else matrix
        ring = DelayRing.tree_unflatten(None, (jnp.zeros((slots, shape[1])), jnp.int32(t)))
        return ring.add(BinaryArray(spikes), matrix).buffer

    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            np.testing.assert_allclose(jax.jit(run)(structure, delay, spikes), expected, rtol=1e-5, atol=1e-6)


# -- errors ------------------------------------------------------------------------------------------------------------

PLAIN = CSR.fromdense(np.array([[0, 1, 0], [2, 0, 3]], np.float32))
DELAYED = PLAIN.with_delay([1, 2, 3])
SPIKES = BinaryArray(np.array([True, False]))

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "product": (lambda: SPIKES @ DELAYED, NotImplementedError, r"has delays.*ring\.add\(spikes, matrix\)"),
    "product with numbers": (lambda: DELAYED @ np.ones(3), NotImplementedError, "has delays"),
    "product from NumPy": (lambda: np.ones(2) @ DELAYED, NotImplementedError, "has delays"),
    "solve": (lambda: CSR.fromdense(np.eye(2)).with_delay(1).solve(np.ones(2)), NotImplementedError, "has delays"),
    "added diagonal": (lambda: DELAYED.diag_add(1.0), NotImplementedError, "diagonal"),
    "sum of two": (lambda: DELAYED + PLAIN.with_delay(1), NotImplementedError, "same structure"),
    "zero": (lambda: PLAIN.with_delay([1, 0, 2]), ValueError, "holds 0 at position 1.*at least 1"),
    "negative": (lambda: PLAIN.with_delay(-3), ValueError, "holds -3"),
    "floats": (lambda: PLAIN.with_delay(1.5), TypeError, r"whole steps.*brainevent\.steps"),
    "times": (lambda: PLAIN.with_delay(1.5 * u.ms), TypeError, r"quantity in ms.*brainevent\.steps"),
    "booleans": (lambda: PLAIN.with_delay([True, True, False]), TypeError, "whole steps"),
    "another shape": (lambda: PLAIN.with_delay([1, 2, 3, 4]), ValueError, r"shape \(2,\).*shape \(3,\); got \(4,\)"),
    "dense": (lambda: brainevent.Dense(np.ones((2, 2))).with_delay(1), NotImplementedError, "CSR"),
    "no delays": (lambda: DelayRing(4, 3).add(SPIKES, PLAIN), ValueError, r"no delays.*with_delay"),
    "generated": (
        lambda: DelayRing(4, 3).add(SPIKES, brainevent.JITCScalarR(1.0, 0.5, 0, shape=(2, 3))), ValueError, "no delays",
    ),
    "no matrix": (lambda: DelayRing(4, 3).add(SPIKES, np.ones((2, 3))), TypeError, "matrix with delays"),
    "too few slots": (lambda: DelayRing(3, 3).add(SPIKES, DELAYED), ValueError, "from 1 to 2 steps, got 3.*slots=4"),
    "length of spikes": (lambda: DelayRing(4, 3).add(BinaryArray(np.ones(3)), DELAYED), ValueError, r"got \(3,\)"),
    "batch": (lambda: DelayRing(4, 3).add(BinaryArray(np.ones((5, 2))), DELAYED), ValueError, "vmap"),
    "length of ring": (lambda: DelayRing(4, 2).add(SPIKES, DELAYED), ValueError, r"\(slots, 3\)"),
    "one slot": (lambda: DelayRing(1, 3), ValueError, "at least two slots"),
    "slots by name": (lambda: DelayRing("4", 3), ValueError, "whole numbers"),
    "whole numbers": (lambda: DelayRing(4, 3, dtype=int), TypeError, "floating-point"),
    "unit of weights": (lambda: DelayRing(4, 3).add(SPIKES, DELAYED * u.mV), u.UnitMismatchError, "in mV.*unit="),
    "unit of ring": (lambda: DelayRing(4, 3, unit=u.mV).add(SPIKES, DELAYED), u.UnitMismatchError, "plain numbers"),
    "assignment": (lambda: setattr(DelayRing(4, 3), "t", 0), AttributeError, "immutable"),
    "short time": (lambda: brainevent.steps(0.04 * u.ms, 0.1 * u.ms), ValueError, "at least one step"),
    "no step": (lambda: brainevent.steps(1.0, 0.0), ValueError, "dt must be one positive time"),
    "unit of time": (lambda: brainevent.steps(1.0 * u.mV, 0.1 * u.ms), u.UnitMismatchError, "time"),
    "time without unit": (lambda: brainevent.steps(1.0, 0.1 * u.ms), u.UnitMismatchError, "time"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_steps() -> None:
    assert brainevent.steps(1.5 * u.ms, 0.1 * u.ms) == 15
    assert brainevent.steps(0.002 * u.second, 0.1 * u.ms) == 20
    assert brainevent.steps(0.3, 0.1) == 3
    for times, dtype in (([0.1, 25.5], np.uint8), ([0.1, 25.6], np.uint16), ([0.1, 7000.0], np.int32)):
        found = brainevent.steps(np.array(times) * u.ms, 0.1 * u.ms)
        assert found.dtype == dtype
        assert found.tolist() == [1, round(times[1] * 10)]
    traced = jax.jit(lambda times: brainevent.steps(times, 0.1 * u.ms))(jnp.array([0.26, 1.0]) * u.ms)
    assert traced.dtype == jnp.int32
    assert traced.tolist() == [3, 10]


def test_delays_take_one_byte_where_that_is_enough() -> None:
    for steps, dtype in ((255, np.uint8), (256, np.uint16), (65536, np.int32)):
        assert PLAIN.with_delay(steps).delay.dtype == dtype
        assert PLAIN.with_delay(np.full(3, steps)).delay.dtype == dtype
    assert PLAIN.with_delay(np.ones(3, np.int32)).delay.dtype == np.int32


def test_one_per_entry_decides_where_two_would_fit() -> None:
    """If there are as many entries as rows, the shape (rows, 1) selects delays per row."""
    matrix = CSR(np.ones(2, np.float32), [0, 1], [0, 2, 2], shape=(2, 2))
    assert synapses(matrix.with_delay([1, 2])) == [(0, 0, 1.0, 1), (0, 1, 1.0, 2)]
    assert synapses(matrix.with_delay([[1], [2]])) == [(0, 0, 1.0, 1), (0, 1, 1.0, 1)]


# -- the interface of release 0.3.0 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [None, False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_functions_deliver_to_a_ring_of_the_users_own(
    weighted: bool | None, dtype: str, rng: np.random.Generator
) -> None:
    structure, row, col, _ = random_structure("CSR", (7, 5), rng)
    delays, weights = rng.integers(1, 4, row.shape), rng.normal(size=row.shape).astype(np.float32)
    layout = brainevent.CSRDelayLayout.build(weights, *structure, delays, n_slots=4, shape=(7, 5))
    np.testing.assert_array_equal(layout.original_data(), weights)
    np.testing.assert_array_equal(layout.data, weights[layout.perm])
    assert (layout.n_slots, layout.nse, layout.shape) == (4, row.size, (7, 5))
    matrix, queue = CSR(weights, *structure, shape=(7, 5)), Queue(5)
    rings, precision = [jnp.zeros((4, 5), dtype)] * 4, {"float32": 1e-5, "float16": 2e-2}[dtype]

    @jax.jit
    def deliver(rings: Any, events: Any, t: Any) -> Any:
        one, two, three, four = rings
        return (
            brainevent.csr_delay_deliver(one, events, weights, *structure, delays, t, shape=(7, 5), weighted=weighted),
            matrix.delay_deliver(two, events, delays, t, weighted=weighted),
            layout.deliver(three, events, t, weighted=weighted),
            brainevent.csr_delay_deliver_layout(
                four, SparseFloat(events) if weighted else BinaryArray(events), layout.with_data(weights), t
            ),
        )

    for t in range(6):
        events = np.where(rng.random(7) < 0.5, rng.integers(1, 4, 7), 0).astype(np.float32)
        for k, (i, j) in enumerate(zip(row, col, strict=True)):
            queue.add(j, delays[k], weights[k] * (events[i] if weighted else events[i] != 0))
        rings = deliver(rings, events, t)
        expected = queue.pop()
        for ring in rings:
            assert ring.dtype == dtype
            np.testing.assert_allclose(ring[t % 4], expected, rtol=precision, atol=precision)
        rings = [ring.at[t % 4].set(0) for ring in rings]


def test_functions_refuse_as_they_did() -> None:
    ring, arguments = jnp.zeros((3, 3)), (np.ones(2, bool), 1.0, PLAIN.indices, PLAIN.indptr)
    with pytest.raises(ValueError, match="from 1 to 2 steps, got 3"):
        brainevent.csr_delay_deliver(ring, *arguments, [1, 2, 3], 0, shape=(2, 3))
    with pytest.raises(TypeError, match="whole number"):
        brainevent.csr_delay_deliver(ring, *arguments, 1, 0.5, shape=(2, 3))
    with pytest.raises(TypeError, match="whole steps"):
        brainevent.csr_delay_deliver(ring, *arguments, [1.0, 2.0, 3.0], 0, shape=(2, 3))
    with pytest.raises(TypeError, match="concrete"):
        jax.jit(lambda delays: PLAIN.delay_layout(delays, 4))(np.array([1, 2, 3]))
    with pytest.raises(ValueError, match=r"rings of shape \(4, 3\)"):
        PLAIN.delay_layout([1, 2, 3], 4).deliver(ring, arguments[0], 0)
    # Any integer is a valid step, however large.
    for t in (2**40 + 1, -2, np.int64(2**40 + 1)):
        found = brainevent.csr_delay_deliver(ring, *arguments, 1, t, shape=(2, 3))
        assert np.flatnonzero(np.asarray(found).any(1)).tolist() == [(int(t) + 1) % 3]
