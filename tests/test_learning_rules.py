"""User-defined learning rules, for each class and transform, and in place; and bounds per synapse and per neuron."""

import functools
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled_programs import weight_sized_copies
from tests.models.products import EVENTS, INDEX, MATRICES, random_structure

import brainevent
from brainevent import CSR, BinaryArray, Dense, JITCScalarR

SMALL, LARGE = ((7, 5), 12), ((131, 97), 6000)
BACKENDS = ("numba", "events", "reference")

PARAMS = {"rate": 0.25, "powers": np.array([1.0, 0.5], np.float32)}


def rule(edge: Any, pre: Any, post: Any, params: Any) -> Any:
    """A rule for several arrays, one of which has an additional axis, and one of which counts."""
    gain = params["rate"] * (1 - edge["w"]) * post["trace"]
    moments = edge["moments"] * params["powers"] + jnp.stack([gain, post["v"][1]])  # both need the old weight
    return {"w": edge["w"] + gain * pre, "moments": moments, "count": edge["count"] + 1}


def modelled(state: Any, pre: Any, post: Any, active: np.ndarray, row: np.ndarray, col: np.ndarray) -> Any:
    """The same rule in NumPy, for all entries at once."""
    w, moments, count = (np.asarray(state[name]).reshape(row.size, -1) for name in ("w", "moments", "count"))
    gain = PARAMS["rate"] * (1 - w[:, 0]) * post["trace"][col]
    new = {
        "w": w[:, 0] + gain * pre[row],
        "moments": moments * PARAMS["powers"] + np.stack([gain, post["v"][col, 1]], axis=1),
        "count": count[:, 0] + 1,
    }
    old = {"w": w[:, 0], "moments": moments, "count": count[:, 0]}
    return {
        name: np.where(active.reshape(-1, *[1] * (new[name].ndim - 1)), new[name], old[name]).reshape(
            np.shape(state[name])
        )
        for name in new
    }


class Problem:
    """A random matrix, the state of its synapses, and the values of its neurons."""

    def __init__(self, name: str, size: Any, rng: np.random.Generator) -> None:
        self.shape, nse = size
        kind = name.removesuffix(INDEX)
        self.structure, self.row, self.col, per_entry = random_structure(kind, self.shape, rng, nse)
        if size is LARGE and per_entry != (nse,) and kind != "Dense":  # enough entries for the event-driven kernel
            lines = per_entry[0]
            other = rng.integers(self.shape[1] if kind == "FixedPostNumConn" else self.shape[0], size=(lines, 50))
            line = np.repeat(np.arange(lines), 50)
            self.structure, per_entry = (other,), other.shape
            self.row, self.col = (line, other.ravel()) if kind == "FixedPostNumConn" else (other.ravel(), line)
        weights = rng.normal(size=per_entry).astype(np.float32)
        matrix = MATRICES[name]((weights, *self.structure), shape=self.shape) if self.structure else Dense(weights)
        self.matrix = matrix.with_csc_index() if name.endswith(INDEX) else matrix
        self.state = {
            "w": weights,
            "moments": rng.normal(size=(*per_entry, 2)).astype(np.float32),
            "count": rng.integers(5, size=per_entry).astype(np.int32),
        }
        self.pre = rng.normal(size=self.shape[0]).astype(np.float32)
        self.post = {
            "trace": rng.normal(size=self.shape[1]).astype(np.float32),
            "v": rng.normal(size=(self.shape[1], 3)).astype(np.float32),
        }

    def spikes(self, rng: np.random.Generator, *, pre: bool, rate: float = 0.3) -> np.ndarray:
        return (rng.random(self.shape[0] if pre else self.shape[1]) < rate) * rng.choice([-2, 3])

    def apply(self, spikes: Any, *, pre: bool, state: Any = None, matrix: Any = None, **values: Any) -> Any:
        matrix = self.matrix if matrix is None else matrix
        apply = matrix.apply_on_pre if pre else matrix.apply_on_post
        given = {"pre_vals": self.pre, "post_vals": self.post, "params": PARAMS} | values
        return apply(rule, self.state if state is None else state, spikes, **given)

    def expected(self, spikes: np.ndarray, *, pre: bool, state: Any = None) -> Any:
        active = (spikes != 0)[self.row if pre else self.col]
        return modelled(self.state if state is None else state, self.pre, self.post, active, self.row, self.col)


def assert_same(found: Any, expected: Any) -> None:
    for name, array in expected.items():
        assert np.asarray(found[name]).dtype == (np.int32 if name == "count" else np.float32)
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6)


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("compiled", ["eager", "jit", "traced structure"])
@pytest.mark.usefixtures("little_optimisation")
def test_rule(name: str, pre: bool, kind: str, size: Any, compiled: str, rng: np.random.Generator) -> None:
    problem = Problem(name, size, rng)
    spikes = problem.spikes(rng, pre=pre)
    events = EVENTS[kind][1](spikes.astype(EVENTS[kind][0] or "float32"), 0)
    apply: Any = functools.partial(problem.apply, pre=pre)
    if compiled == "jit":
        apply = jax.jit(apply)
    elif compiled == "traced structure":
        traced = jax.jit(lambda events, matrix: problem.apply(events, pre=pre, matrix=matrix))
        apply = lambda events: traced(events, problem.matrix)  # noqa: E731
    assert_same(apply(events), problem.expected(spikes, pre=pre))


#: Matrices in which the synapses of a spiking neuron are found without searching all entries.
FOUND = {
    True: {"CSR", "FixedPostNumConn", "Dense"} | {name for name in MATRICES if name.endswith(INDEX)},
    False: {"CSC", "FixedPreNumConn", "Dense"} | {name for name in MATRICES if name.endswith(INDEX)},
}


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("traced", [False, True])
def test_which_calls_are_event_driven(name: str, pre: bool, traced: bool, rng: np.random.Generator) -> None:
    """A concrete structure gets an index if it needs one; for a traced one, the reference visits all entries."""
    problem = Problem(name, LARGE, rng)
    run = jax.jit(lambda matrix, spikes: problem.apply(spikes, pre=pre, matrix=matrix if traced else problem.matrix))
    with brainevent.get_registry().record() as lowered:
        run.lower(problem.matrix, problem.spikes(rng, pre=pre))
    chosen = {selection.backend for selection in lowered if selection.primitive == "edge_update"}
    assert chosen == {"events" if name in FOUND[pre] or not traced else "reference"}


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize("name", ["CSR", "COO", "FixedPreNumConn", "Dense", "CSR+index"])
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.02, 1.0])
def test_silent_and_busy_networks(name: str, pre: bool, rate: float, rng: np.random.Generator) -> None:
    problem = Problem(name, LARGE, rng)
    spikes = problem.spikes(rng, pre=pre, rate=rate)
    assert_same(problem.apply(BinaryArray(spikes), pre=pre), problem.expected(spikes, pre=pre))


@pytest.mark.usefixtures("little_optimisation")
def test_entries_that_do_not_exist_keep_their_state(rng: np.random.Generator) -> None:
    """Entries with indices out of range or outside of all rows are never read or written, and have no events."""
    rows, cols, nse = 40, 30, 6000
    indices = rng.integers(-5, cols + 5, nse).astype(np.int32)
    indptr = np.sort(rng.integers(0, nse, rows + 1)).astype(np.int32)
    indptr[[3, 9]] = -4, nse + 7
    bounds = np.maximum.accumulate(np.clip(indptr, 0, nse))
    row = np.full(nse, -1)
    for i in range(rows):
        row[bounds[i] : bounds[i + 1]] = i
    exists = (row >= 0) & (indices >= 0) & (indices < cols)
    matrix = CSR((rng.normal(size=nse).astype(np.float32), indices, indptr), shape=(rows, cols), check=False)
    trace = rng.normal(size=cols).astype(np.float32), rng.normal(size=rows).astype(np.float32)
    for pre in (True, False):
        spikes = rng.random(rows if pre else cols) < 0.4
        active = exists & spikes[np.clip(row if pre else indices, 0, spikes.size - 1)]
        other = trace[0][np.clip(indices, 0, cols - 1)] if pre else trace[1][row]
        expected = np.where(active, np.asarray(matrix.data) * 0.5 + other, matrix.data)
        for one in (matrix, matrix.with_csc_index()):
            for backend in BACKENDS[1:]:
                with brainevent.use_backend(backend):
                    if pre:
                        found = one.apply_on_pre(lambda w, a, b, p: w * 0.5 + b, spikes, post_vals=trace[0])
                    else:
                        found = one.apply_on_post(lambda w, a, b, p: w * 0.5 + a, spikes, pre_vals=trace[1])
                np.testing.assert_allclose(found, expected, rtol=1e-6)


# -- properties of rules ---------------------------------------------------------------------------------------------


W = CSR.fromdense(np.array([[0, 1, 2], [3, 0, 0]], np.float32))
ON = jnp.array([True, False])


def test_a_rule_that_adds_a_trace_is_update_on_pre(rng: np.random.Generator) -> None:
    """New weights, and derivatives with respect to weights, trace and spikes."""
    spikes, trace = np.array([1.0, 0.0], np.float32), rng.normal(size=3).astype(np.float32)

    def by_rule(weights: Any, spikes: Any, trace: Any) -> Any:
        return W.apply_on_pre(lambda w, pre, post, params: w + post, weights, spikes, post_vals=trace)

    def by_update(weights: Any, spikes: Any, trace: Any) -> Any:
        return W.with_data(weights).update_on_pre(spikes, trace).data

    given = (W.data, spikes, trace)
    np.testing.assert_array_equal(by_rule(*given), by_update(*given))
    for mode in (jax.jacrev, jax.jacfwd):
        found, expected = (mode(f, argnums=(0, 1, 2))(*given) for f in (by_rule, by_update))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), found, expected)


def test_units_of_everything() -> None:
    state = {"w": W.data * u.mV, "trace": jnp.zeros(3) * u.nA}

    def ohmic(edge: Any, pre: Any, post: Any, params: Any) -> Any:
        return {"w": edge["w"] + post * params, "trace": edge["trace"] + post.to(u.pA)}

    currents, resistance = jnp.array([1.0, 2.0, 3.0]) * u.nA, 0.5 * u.kohm
    new = W.apply_on_pre(ohmic, state, ON, post_vals=currents, params=resistance)
    assert new["w"].unit == u.mV
    assert new["trace"].unit == u.nA
    np.testing.assert_allclose(new["w"].mantissa, [1.001, 2.0015, 3.0], rtol=1e-6)
    np.testing.assert_allclose(new["trace"].mantissa, [2.0, 3.0, 0.0], rtol=1e-6)
    with pytest.raises(u.UnitMismatchError, match="What the rule returns"):
        W.apply_on_pre(lambda w, pre, post, params: w * w, W.data * u.mV, ON)


def test_rules_close_over_arrays_and_tracers() -> None:
    def lossy(rates: Any, scale: Any) -> Any:
        offset = np.arange(2.0, dtype=np.float32)
        new = W.apply_on_pre(lambda w, pre, post, params: w * scale + rates[0] + offset[1], W.data, ON)
        return new.sum()

    gradients = jax.jit(jax.grad(lossy, argnums=(0, 1)))(jnp.array([0.5, 2.0]), 3.0)
    np.testing.assert_allclose(gradients[0], [2.0, 0.0])
    np.testing.assert_allclose(gradients[1], 3.0)
    mapped = jax.vmap(lossy, in_axes=(None, 0))(jnp.array([0.5, 2.0]), jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(mapped, [3 + 1 + 2 + 1 + 3 - 1, 3 + 2 + 4 + 1 + 3 - 1])


def test_a_rule_is_traced_once() -> None:
    traced = []

    def grow(w: Any, pre: Any, post: Any, params: Any) -> Any:
        traced.append(w)
        return w + params

    for rate in (0.5, 1.5):
        np.testing.assert_allclose(W.apply_on_pre(grow, ON, params=rate), W.data + np.array([rate, rate, 0]))
    assert len(traced) == 1


def test_forms_of_the_call() -> None:
    grow = lambda w, pre, post, params: w + 1  # noqa: E731
    expected = [2.0, 3.0, 3.0]
    for found in (
        W.apply_on_pre(grow, ON),
        W.apply_on_pre(grow, W.data, ON),
        W.apply_on_pre(grow, ON, edge_state=W.data),
        brainevent.csr_apply_on_pre(grow, W.data, W.indices, W.indptr, ON, shape=W.shape),
        brainevent.csr_apply_on_post(grow, W.data, W.indices, W.indptr, jnp.array([0, 1, 1]), shape=W.shape),
    ):
        np.testing.assert_array_equal(found, expected)
    assert W.apply_on_pre(grow, {}, ON) == {}
    one_for_all = W.apply_on_pre(lambda w, pre, post, params: w + pre * post, ON, pre_vals=2.0, post_vals=np.ones(3))
    np.testing.assert_array_equal(one_for_all, [3.0, 4.0, 3.0])


def _returns(value: Any) -> Any:
    return lambda edge, pre, post, params: value


#: call: the class of the error, and a pattern for the message.
ERRORS: dict[str, tuple[Any, type[Exception], str]] = {
    "another pytree": (
        lambda: W.apply_on_pre(lambda w, *_: (w, w), ON),
        brainevent.DTypeError,
        "returns the state that it is given.*this one returns",
    ),
    "another shape": (
        lambda: W.apply_on_pre(lambda w, *_: jnp.ones(2) * w, ON),
        brainevent.MathError,
        r"state of one synapse, here of shape \(\).*returns shape \(2,\)",
    ),
    "a dtype": (
        lambda: W.apply_on_pre(lambda n, *_: n + 0.5, jnp.zeros(3, jnp.int32), ON),
        brainevent.DTypeError,
        r"returns float32 for a state of dtype int32.*\.astype\('int32'\)",
    ),
    "the state": (
        lambda: W.apply_on_pre(_returns(0.0), {"w": jnp.zeros(4)}, ON),
        brainevent.MathError,
        r"edge_state\['w'\] must have a value for each synapse, shape \(3,\).*got shape \(4,\)",
    ),
    "one weight for all": (
        lambda: CSR((1.0, W.indices, W.indptr), shape=W.shape).apply_on_pre(_returns(0.0), ON),
        brainevent.MathError,
        r"edge_state must have a value for each synapse, shape \(3,\)",
    ),
    "values": (
        lambda: W.apply_on_pre(_returns(0.0), ON, post_vals=[np.ones(3), np.ones(2)]),
        brainevent.MathError,
        r"post_vals\[1\] must have a value for each postsynaptic neuron, shape \(3,\)",
    ),
    "spikes": (
        lambda: W.apply_on_post(_returns(0.0), ON),
        brainevent.MathError,
        r"takes the postsynaptic spikes as a vector of shape \(3,\), got \(2,\)",
    ),
    "too many arguments": (
        lambda: W.apply_on_pre(_returns(0.0), W.data, ON, edge_state=W.data),  # type: ignore[call-overload]
        brainevent.MathError,
        r"takes \(rule, edge_state, spikes\), or \(rule, spikes\) and edge_state=; got 2 arguments",
    ),
    "generated": (
        lambda: JITCScalarR(1.0, 0.5, 0, shape=(2, 3)).apply_on_pre(_returns(0.0), np.ones(3), ON),
        brainevent.UnsupportedOperationError,
        "tocsr",
    ),
}


@pytest.mark.parametrize("call", ERRORS)
def test_error_leads_on(call: str) -> None:
    make, kind, message = ERRORS[call]
    with pytest.raises(kind, match=f"(?s){message}"):
        make()


# -- transforms ------------------------------------------------------------------------------------------------------


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("name", ["CSR", "FixedPreNumConn", "COO", "Dense", "CSR+index"])
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.usefixtures("little_optimisation")
def test_derivatives_are_those_of_a_dense_model(name: str, pre: bool, size: Any, rng: np.random.Generator) -> None:
    """Forward and reverse mode, with respect to all floats; the count has no derivative."""
    problem = Problem(name, size, rng)
    spikes = problem.spikes(rng, pre=pre) != 0
    active = spikes[problem.row if pre else problem.col]
    per_entry = problem.state["w"].shape

    def found(w: Any, moments: Any, pre_vals: Any, post: Any, params: Any) -> Any:
        state = {**problem.state, "w": w, "moments": moments}
        new = problem.apply(spikes, pre=pre, state=state, pre_vals=pre_vals, post_vals=post, params=params)
        return new["w"], new["moments"]

    def model(w: Any, moments: Any, pre_vals: Any, post: Any, params: Any) -> Any:
        edges = {"w": w.reshape(-1), "moments": moments.reshape(-1, 2), "count": jnp.zeros(w.size, jnp.int32)}
        post = jax.tree.map(lambda values: jnp.asarray(values)[problem.col], post)
        new = jax.vmap(rule, in_axes=(0, 0, 0, None))(edges, jnp.asarray(pre_vals)[problem.row], post, params)
        weights = jnp.where(active, new["w"], edges["w"]).reshape(per_entry)
        return weights, jnp.where(active[:, None], new["moments"], edges["moments"]).reshape(*per_entry, 2)

    point = (problem.state["w"], problem.state["moments"], problem.pre, problem.post, PARAMS)
    point = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), point)
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), point)
    results = []
    for f in (found, model):

        @jax.jit
        def both(point: Any, direction: Any, f: Any = f) -> Any:
            out, dot = jax.jvp(f, point, direction)
            _, pull = jax.vjp(f, *point)
            return out, dot, pull(jax.tree.map(jnp.cos, out))

        results.append(both(point, direction))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-3), *results)


def test_gradients_are_finite_where_the_rule_of_a_silent_synapse_is_not() -> None:
    state = jnp.array([1.0, 4.0, 0.0])  # the synapse of the silent neuron has an infinite derivative
    new = lambda w, scale: W.apply_on_pre(lambda w, a, b, p: p * jnp.sqrt(w), w, ON, params=scale).sum()  # noqa: E731
    by_state, by_params = jax.grad(new, argnums=(0, 1))(state, 2.0)
    np.testing.assert_allclose(by_state, [1.0, 0.5, 1.0])
    np.testing.assert_allclose(by_params, 3.0)


def test_hessian() -> None:
    curvature = jax.hessian(lambda w: W.apply_on_pre(lambda w, *_: w**3, w, ON).sum())(W.data)
    np.testing.assert_allclose(curvature, np.diag([6.0, 12.0, 0.0]))


@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.usefixtures("little_optimisation")
def test_vmap_over_states_spikes_and_parameters(pre: bool, rng: np.random.Generator) -> None:
    problem = Problem("CSR", LARGE, rng)
    states = jax.tree.map(lambda leaf: np.stack([leaf, leaf + 1]), problem.state)
    spikes = np.stack([problem.spikes(rng, pre=pre) for _ in range(2)])
    found = jax.vmap(lambda state, spikes: problem.apply(spikes, pre=pre, state=state))(states, spikes)
    for i in range(2):
        state = jax.tree.map(lambda leaf, i=i: leaf[i], states)
        assert_same(jax.tree.map(lambda leaf, i=i: leaf[i], found), problem.expected(spikes[i], pre=pre, state=state))


# -- in place --------------------------------------------------------------------------------------------------------


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize("name", ["CSR", "FixedPreNumConn", "Dense", "CSR+index"])
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("before", ["nothing", "a product", "a mean"])
def test_a_loop_changes_the_state_in_place(name: str, pre: bool, before: str, rng: np.random.Generator) -> None:
    problem = Problem(name, LARGE, rng)

    def run(state: Any, spikes: Any) -> Any:
        def turn(state: Any, spikes: Any) -> Any:
            out = 0.0
            if before == "a product":
                matrix = problem.matrix.with_data(state["w"])
                out = BinaryArray(spikes) @ matrix if pre else matrix @ BinaryArray(spikes)
            elif before == "a mean":
                out = state["moments"].mean()
            return problem.apply(spikes, pre=pre, state=state), out

        return jax.lax.scan(turn, state, spikes)

    spikes = np.stack([problem.spikes(rng, pre=pre, rate=0.1) for _ in range(4)])
    state = jax.tree.map(jnp.asarray, problem.state)
    program = jax.jit(run, donate_argnums=0).lower(state, spikes).compile()
    size = problem.state["w"].size
    copies = [line for line in weight_sized_copies(program.as_text(), size) if " copy" in line]
    assert not copies
    new, _ = program(jax.tree.map(jnp.array, state), spikes)
    expected = problem.state
    for one in spikes:
        expected = problem.expected(one, pre=pre, state=expected)
    assert_same(new, expected)


# -- bounds per synapse and per neuron -------------------------------------------------------------------------------


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("pre", [False, True])
@pytest.mark.parametrize("clip", ["all", "updated"])
@pytest.mark.parametrize("of", ["entries", "pre", "post"])
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.usefixtures("little_optimisation")
def test_bounds(name: str, pre: bool, clip: Any, of: str, size: Any, unit: bool, rng: np.random.Generator) -> None:
    problem = Problem(name, size, rng)
    rows, cols = problem.shape
    weights = problem.state["w"]
    shape = {"entries": weights.shape, "pre": (rows, 1), "post": (1, cols)}[of]
    lower = rng.uniform(-1, 0, size=shape).astype(np.float32)
    each = lower.ravel()
    if of != "entries":
        each = each[problem.row if of == "pre" else problem.col]
    spikes, trace = problem.spikes(rng, pre=pre), rng.normal(size=cols if pre else rows).astype(np.float32)
    active = (spikes != 0)[problem.row if pre else problem.col]
    added = weights.ravel() + np.where(active, trace[problem.col if pre else problem.row], 0)
    clipped = np.clip(added, each, 0.75)
    expected = np.where(active | (clip == "all"), clipped, weights.ravel()).reshape(weights.shape)
    matrix = problem.matrix
    scale = u.mV if unit else 1
    if unit:
        matrix, trace = matrix * u.mV, trace * 1e-3 * u.volt
    given = (spikes, trace) if pre else (trace, spikes)
    update = matrix.update_on_pre if pre else matrix.update_on_post
    for backend in BACKENDS:
        with brainevent.use_backend(backend):
            found = update(*given, lower * scale, 0.75 * scale, clip=clip).data
        np.testing.assert_allclose(found.mantissa if unit else found, expected, rtol=1e-5, atol=1e-6)


def test_bounds_of_weights_in_another_order() -> None:
    """``update_csr_on_binary_post`` takes bounds in the order of the weights, or one per neuron."""
    indptr, rows, order = brainevent.csr_to_csc_index(np.asarray(W.indptr), np.asarray(W.indices), shape=W.shape)
    update = functools.partial(
        brainevent.update_csr_on_binary_post, W.data, rows, indptr, order, np.full(2, 5.0), np.array([1, 1, 0])
    )
    np.testing.assert_array_equal(update(None, np.array([4.0, 9.0, 6.0]), shape=W.shape), [4.0, 2.0, 6.0])
    np.testing.assert_array_equal(update(None, np.array([[4.0], [6.0]]), shape=W.shape), [4.0, 2.0, 6.0])
    with pytest.raises(brainevent.MathError, match=r"\(2, 1\) for one bound per presynaptic neuron, \(1, 3\) for one"):
        update(None, np.ones(2), shape=W.shape)


@pytest.mark.parametrize("clip", ["all", "updated"])
def test_derivatives_by_bounds_of_synapses(clip: Any) -> None:
    def new(weights: Any, upper: Any) -> Any:
        return W.with_data(weights).update_on_pre(ON, jnp.array([1.0, 1.0, 1.0]), None, upper, clip=clip).data.sum()

    by_weights, by_upper = jax.grad(new, argnums=(0, 1))(
        W.data,
        jnp.array(
            [
                9.0,
                9.0,
                2.5,
            ]
        ),
    )
    clipped = float(clip == "all")
    np.testing.assert_array_equal(by_weights, [1.0, 1.0, 1.0 - clipped])
    np.testing.assert_array_equal(by_upper, [0.0, 0.0, clipped])
