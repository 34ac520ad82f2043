"""The declaration of primitives, and the lowered programs."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
import brainevent_core.primitive
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn, XLACustomKernel, defjvp
from brainevent_core.matrices import DataRepresentation
from brainevent_core.primitive.catalogue import forget

BACKENDS = ("numba", "reference")


def stablehlo(fn: Any, *args: Any) -> str:
    return jax.jit(fn).lower(*args).as_text()


@pytest.mark.cover
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("event", [False, True], ids=["float", "event"])
@pytest.mark.parametrize("cls", [CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense])
def test_batching_makes_no_loop(cls: Any, event: bool, backend: str) -> None:
    """Whatever is mapped, the program has no loop, and as many custom calls for a batch of 2 as for one of 50."""
    dense = np.eye(6, 8, dtype=np.float32)
    matrix = cls.fromdense(dense)

    def product(matrix: DataRepresentation, x: Any) -> Any:
        return (BinaryArray(x) if event else x) @ matrix

    def loss(matrix: DataRepresentation, weights: Any, x: Any) -> Any:
        return jnp.sum(product(matrix.with_data(weights), x) ** 2)

    programs: dict[str, list[int]] = {}
    for size in (2, 50):
        xs = jnp.ones((size, 6))
        weights = jnp.stack([matrix.data] * size)
        stacked = jax.tree_util.tree_map(lambda leaf, size=size: jnp.stack([leaf] * size), matrix)
        with brainevent.use_backend(backend):
            for name, fn, args in (
                ("operand", jax.vmap(product, (None, 0)), (matrix, xs)),
                ("nested", jax.vmap(jax.vmap(lambda x: product(matrix, x))), (jnp.stack([xs, xs]),)),
                ("weights", jax.vmap(lambda w, x: product(matrix.with_data(w), x)), (weights, xs)),
                ("structure", jax.vmap(product), (stacked, xs)),
                (
                    "grad of vmap",
                    jax.grad(lambda w, xs: jnp.sum(jax.vmap(loss, (None, None, 0))(matrix, w, xs))),
                    (matrix.data, xs),
                ),
                ("vmap of grad", jax.vmap(jax.grad(loss, 1), (None, None, 0)), (matrix, matrix.data, xs)),
            ):
                text = stablehlo(fn, *args)
                assert "stablehlo.while" not in text, name
                programs.setdefault(name, []).append(text.count("custom_call @"))
    for name, (few, many) in programs.items():
        assert few == many, name


@pytest.fixture
def scale() -> Any:
    """Two outputs, y = a · x and y**power, so it isn't linear in its operands."""
    kernel = XLACustomKernel("tests.scale", tags=("tests",))
    kernel.def_abstract_eval(lambda a, x, *, power: [jax.ShapeDtypeStruct(x.shape, x.dtype)] * 2)
    kernel.def_reference(lambda a, x, *, power: [a * x, (a * x) ** power])
    yield kernel
    forget("tests.scale")


def test_declared_primitive_under_transforms(scale: Any) -> None:
    defjvp(
        scale,
        lambda a_dot, a, x, *, power: [a_dot * x, power * (a * x) ** (power - 1) * a_dot * x],
        lambda x_dot, a, x, *, power: [a * x_dot, power * (a * x) ** (power - 1) * a * x_dot],
    )
    x = jnp.arange(1.0, 4.0)
    y, squared = jax.jit(lambda a, x: scale(a, x, power=2))(2.0, x)
    np.testing.assert_allclose(y, 2 * x)
    np.testing.assert_allclose(squared, 4 * x**2)
    _, dot = jax.jvp(lambda a: scale(a, x, power=2), (2.0,), (1.0,))
    np.testing.assert_allclose(dot[1], 4 * x**2)
    batched = jax.vmap(lambda a: scale(a, x, power=3)[1])(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(batched, [x**3, 8 * x**3])
    nested = jax.vmap(jax.vmap(lambda a, x: scale(a, x, power=1)[0], (None, 0)), (0, None))(jnp.array([1.0, 2.0]), x)
    np.testing.assert_allclose(nested, [x, 2 * x])
    per_example = jax.vmap(lambda a, x: jax.jvp(lambda x: scale(a, x, power=2)[1], (x,), (1.0,))[1])(x, x)
    np.testing.assert_allclose(per_example, 2 * x**3)


def test_missing_rules_are_errors(scale: Any) -> None:
    with pytest.raises(NotImplementedError, match="no derivative with respect to operand 1"):
        jax.jvp(lambda x: scale(2.0, x, power=2), (1.0,), (1.0,))
    defjvp(scale, None, lambda x_dot, a, x, *, power: [a * x_dot, x_dot])
    jax.jvp(lambda x: scale(2.0, x, power=2), (1.0,), (1.0,))
    with pytest.raises(NotImplementedError, match="operand 0"):
        jax.jvp(lambda a: scale(a, 1.0, power=2), (1.0,), (1.0,))
    with pytest.raises(brainevent.RegistrationError, match="outs="):
        XLACustomKernel("tests.no_shape")(1.0)
    nothing = XLACustomKernel("tests.no_kernel")
    with pytest.raises(brainevent.KernelFallbackExhaustedError, match="no reference"):
        nothing(jnp.ones(3), outs=jax.ShapeDtypeStruct((3,), jnp.float32))


MISMATCHED: dict[str, Callable[[Any], Any]] = {
    "reference, operands": lambda op: op.def_reference(lambda a, *, power: a),
    "reference, static": lambda op: op.def_reference(lambda a, x, *, exponent: a),
    "shapes after reference": lambda op: op.def_abstract_eval(lambda a, x, y, *, power: a),
    "kernel": lambda op: op.def_kernel("theirs", "cpu", lambda a, *, power: a),
    "derivative of an operand": lambda op: defjvp(op, lambda dot, x, *, power: dot),
    "derivative": lambda op: op.def_jvp_rule(lambda primals: primals),
    "transpose": lambda op: op.def_transpose_rule(lambda a, x, *, power: [a, x]),
    "batching": lambda op: op.def_batching_rule(lambda operands, axes: operands),
}


@pytest.mark.parametrize("declare", MISMATCHED.values(), ids=MISMATCHED)
def test_rules_that_do_not_fit_are_refused(scale: Any, declare: Callable[[Any], Any]) -> None:
    with pytest.raises(brainevent.RegistrationError, match=r"of 'tests\.scale' takes \(.*does not fit \("):
        declare(scale)


def test_rules_fit_however_static_parameters_are_written(scale: Any) -> None:
    scale.def_reference(lambda a, x, power: [a * x, (a * x) ** power])
    scale.def_transpose_rule(lambda ct, *operands, **static: [None, None])
    scale.def_abstract_eval(lambda a, x, power=1: [jax.ShapeDtypeStruct(x.shape, x.dtype)] * 2)
    scale.def_reference(lambda a, x, **static: [a * x, (a * x) ** static["power"]])
    defjvp(scale, ..., lambda dot, *operands, power: [dot, dot])
    np.testing.assert_allclose(scale(2.0, jnp.ones(3), power=2)[1], 4.0)


@pytest.mark.parametrize("name", ["backend", "batch", "after", "_request", "_vmap_axes", "self", "ctx"])
def test_reserved_names_are_refused(scale: Any, name: str) -> None:
    def declared(before: str = "") -> Any:
        return eval(f"lambda {before} a, x, *, power, {name}: [a, x]")

    ours = XLACustomKernel("tests.reserved")
    forget("tests.reserved")
    message = rf"has a static parameter with a reserved name, '{name}': .*Choose another"
    for declare in (
        ours.def_abstract_eval,
        ours.def_reference,
        lambda rule: ours.def_kernel("theirs", "cpu", rule),
        lambda _: defjvp(ours, declared("dot,")),
        lambda _: ours.def_transpose_rule(declared("ct,")),
        lambda _: scale(1.0, 2.0, power=1, **{name: 3}) if name != "backend" else declare_backend(ours),
    ):
        with pytest.raises(brainevent.RegistrationError, match=message):
            declare(declared())


def declare_backend(op: Any) -> None:
    """A call can't be distinguished from one that requests a backend, so only the declaration can raise an error."""
    op.def_reference(lambda x, *, backend: x)


def test_what_kernels_get_besides_is_no_static_parameter(scale: Any) -> None:
    def kernel(a: Any, x: Any, *, power: int, batch: Any) -> Any:
        seen.append(batch)
        size = batch[0].size if batch else 1
        return [jnp.full((size, 3)[not batch :], 7.0)] * 2

    seen: list[Any] = []
    with pytest.raises(brainevent.RegistrationError, match="reserved name, 'batch'"):
        scale.def_kernel("theirs", "cpu", kernel)
    with pytest.raises(brainevent.RegistrationError, match="gets 'batch' by name and doesn't take it"):
        scale.def_kernel("theirs", "cpu", lambda a, x, *, power: [a, x], batched=True)
    with pytest.raises(brainevent.RegistrationError, match="does not fit"):
        scale.def_kernel("theirs", "cpu", lambda a, *, power, batch: [a, a], batched=True)
    scale.def_kernel("theirs", "cpu", kernel, batched=True)
    assert jax.vmap(lambda a: scale(a, jnp.ones(3), power=1)[0])(jnp.ones(2)).tolist() == [[7.0] * 3] * 2
    assert seen == [(brainevent_core.primitive.VmapAxis(2, (True, False)),)]
    outs_alone = XLACustomKernel("tests.outs")
    with pytest.raises(brainevent.RegistrationError, match="reserved name, 'outs'"):
        outs_alone.def_abstract_eval(lambda x, *, outs: outs)
    outs_alone.def_reference(lambda x, *, outs: jnp.zeros(outs.shape, outs.dtype))
    defjvp(outs_alone, lambda dot, x, *, outs: dot * jnp.ones(outs.shape))
    of_two = partial(outs_alone, outs=jax.ShapeDtypeStruct((2,), jnp.float32))
    value, tangent = jax.jvp(of_two, (1.0,), (3.0,))
    assert (value.tolist(), tangent.tolist()) == ([0, 0], [3, 3])


def test_static_parameters_can_have_the_names_of_arguments() -> None:
    names = ("operands", "axes", "primals", "tangents", "cotangents", "size", "args", "params", "kernel", "rule")
    op = XLACustomKernel("tests.named")
    op.def_abstract_eval(lambda x, **static: jax.ShapeDtypeStruct(x.shape, x.dtype))
    op.def_reference(lambda x, **static: x * sum(static.values()))
    defjvp(op, lambda dot, x, **static: op(dot, **static))
    op.def_transpose_rule(lambda ct, x, **static: [op(ct, **static)])
    static = dict.fromkeys(names, 1.0)
    x = jnp.arange(3.0)
    gradients = jax.jit(jax.vmap(jax.grad(lambda x: op(x, **static))))(x)
    np.testing.assert_allclose(gradients, len(names))


def test_rules_of_a_primitive_are_replaced_as_a_whole(scale: Any) -> None:
    before = scale.rules
    scale.def_transpose_rule(lambda ct, a, x, *, power: [None, None])
    assert before.transpose is None
    assert scale.rules.transpose is not None
    assert scale.rules.reference is before.reference
    with pytest.raises(brainevent.RegistrationError, match="sharding rule"):
        scale.def_sharding_rule(lambda specs, a, *, power: specs[0])
    scale.def_jvp_rule(lambda primals, tangents, *, power: (primals, tangents))
    defjvp(scale, None, None)
    assert scale.rules.jvp is None  # one replaces the other
    with pytest.raises(AttributeError):
        scale.rules.jvp = None


def test_general_batching_rule(scale: Any) -> None:
    a, x = jnp.arange(1.0, 3.0), jnp.arange(6.0).reshape(3, 2)
    scale.def_batching_rule(
        lambda size, operands, axes, **static: brainevent.general_batching_rule(scale, operands, axes, **static)
    )
    found = jax.vmap(lambda a, x: scale(a, x, power=2)[1], (0, 1), 1)(a, x)
    np.testing.assert_allclose(found, (a * x) ** 2)
    outputs, axes = brainevent.general_batching_rule(jax.lax.mul_p, (a, 3.0), (0, None))
    np.testing.assert_allclose(outputs, 3 * a)
    assert axes == 0


def test_names(scale: Any) -> None:
    with pytest.warns(UserWarning, match=r"tests\.scale.*declared again"):
        XLACustomKernel("tests.scale")
    with pytest.raises(brainevent.RegistrationError, match="primitive of brainevent"):
        XLACustomKernel("matmul")
    assert {"matmul", "sddmm"} <= set(brainevent.get_all_primitive_names())
    assert "matmul" in brainevent.get_primitives_by_tags("product") == brainevent.get_primitives_by_tags({"product"})


def test_kernels_of_other_backends(scale: Any) -> None:
    def kernel(a: Any, x: Any, *, power: int) -> Any:
        return [a * x, 10 * (a * x) ** power]

    x = jnp.ones(3)
    compiled = jax.jit(lambda x: scale(2.0, x, power=2)[1])
    np.testing.assert_allclose(compiled(x), 4.0)
    scale.def_kernel("theirs", "cpu", kernel, supports=lambda a, x, *, power: power == 2)
    with brainevent.get_registry().record() as lowered:
        np.testing.assert_allclose(compiled(x), 40.0)  # a late kernel makes cached functions retrace
    assert [(r.primitive, r.backend) for r in lowered] == [("tests.scale", "theirs")]
    with pytest.raises(brainevent.RegistrationError, match="already has a kernel"):
        scale.def_kernel("theirs", "cpu", kernel)
    with pytest.raises(brainevent.RegistrationError, match="belongs to core"):
        scale.def_kernel("reference", "cpu", kernel)
    assert scale.available_backends("cpu") == ("theirs", "reference")
    np.testing.assert_allclose(scale(2.0, x, power=3)[1], 8.0)  # the kernel declines
    with pytest.raises(brainevent.KernelNotAvailableError, match="declines these operands"):
        scale(2.0, x, power=3, backend="theirs")
    # A derived primitive prefers the backend, but doesn't require it.
    np.testing.assert_allclose(jax.vmap(lambda a: scale(a, x, power=2, backend="theirs")[0])(jnp.ones(2)), 1.0)
    np.testing.assert_allclose(scale(2.0, x, power=2, backend="reference")[1], 4.0)
    scale.def_kernel("wrong", "cpu", lambda a, x, *, power: [x, x[:1]], priority=5)
    with pytest.raises(brainevent.KernelCompilationError, match=r"float32\[1\]"):
        scale(2.0, x, power=2)


def test_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, x = CSR.fromdense(jnp.eye(3)), jnp.ones(3)

    def ran(**options: Any) -> str:
        with brainevent.get_registry().record() as lowered:
            jax.jit(lambda x: brainevent.matmul(x, matrix, **options))(x)
        return lowered[-1].backend

    assert ran() == "numba"
    assert ran(backend="reference") == "reference"
    with brainevent.use_backend("reference"):
        assert ran() == "reference"
        assert ran(backend="numba") == "numba"
    brainevent.config.set_backend("cpu", "reference")
    try:
        assert brainevent.config.get_backend("cpu") == "reference"
        assert ran() == "reference"
        with brainevent.use_backend("numba"):
            assert ran() == "numba"
    finally:
        brainevent.config.clear_backends()
    monkeypatch.setenv("BRAINEVENT_BACKEND", "reference")
    assert ran() == "reference"


def test_requests_stay_where_they_were_made(scale: Any) -> None:
    """A function that a rule calls under an inherited request is cached for that request only."""
    matrix = CSR.fromdense(jnp.eye(3))

    @jax.jit
    def product(x: Any) -> Any:
        return x @ matrix

    defjvp(scale, None, lambda x_dot, a, x, *, power: [product(x_dot), x_dot])
    jax.jvp(lambda x: scale(2.0, x, power=2, backend="reference"), (jnp.ones(3),), (jnp.ones(3),))
    with brainevent.get_registry().record() as lowered:
        product(jnp.ones(3))
    assert [selection.backend for selection in lowered] == ["numba"]


def test_redefined_rules_are_used(scale: Any) -> None:
    compiled = jax.jit(lambda x: scale(2.0, x, power=1)[0])
    assert float(compiled(1.0)) == 2.0
    scale.def_reference(lambda a, x, *, power: [10 * a * x, x])
    assert float(compiled(1.0)) == 20.0
    assert float(scale(2.0, 1.0, power=1)[0]) == 20.0


def test_events_are_operands(scale: Any) -> None:
    events = BinaryArray(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(jax.jit(lambda e: scale(3.0, e, power=1)[0])(events), [3.0, 6.0])


def test_platforms_are_those_of_lowering(scale: Any) -> None:
    with pytest.raises(ValueError, match="'cuda'"):
        brainevent.config.set_backend("metal", "numba")
    brainevent.config.set_backend("gpu", "warp")
    assert [brainevent.config.get_backend(name) for name in ("cuda", "rocm", "gpu", "cpu")] == ["warp"] * 3 + [None]
    brainevent.config.set_backend("gpu", None)
    assert brainevent.config.get_backend("cuda") is None
    with pytest.raises(brainevent.RegistrationError, match="'cuda' or 'rocm'"):
        scale.def_kernel("theirs", "gpu", lambda a, x, *, power: [x, x])


def test_gradient_under_a_request_runs(scale: Any) -> None:
    matrix = CSR.fromdense(jnp.eye(3))

    def loss(w: Any) -> Any:
        return jnp.sum(brainevent.matmul(matrix.with_data(w), jnp.ones(3), backend="numba"))

    np.testing.assert_allclose(jax.grad(loss)(matrix.data), 1.0)


def test_cold_threads_agree(rng: np.random.Generator) -> None:
    """Eight threads lower the same products for the first time, concurrently."""
    matrix = CSR.fromdense(rng.normal(size=(31, 37)).astype(np.float32))
    x = rng.normal(size=31).astype(np.float32)
    barrier, results = threading.Barrier(8), []

    def work() -> None:
        barrier.wait()
        results.append(np.asarray(jax.jit(lambda x: x @ matrix)(x)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(result, results[0]) for result in results)


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Set by a call or the environment; compiled programs follow it without being retraced, with the same results."""
    weight = jnp.asarray(rng.normal(size=(500, 100)))
    matrix = FixedPostNumConn(num_pre=500, num_post=300, conn_num=100, weight=weight, seed=1)
    spikes, vector = jnp.asarray(rng.random(500) < 0.8), jnp.asarray(rng.normal(size=300))
    traced = []

    @jax.jit
    def run(matrix: Any, spikes: jax.Array, vector: jax.Array) -> Any:
        traced.append(1)
        return BinaryArray(spikes) @ matrix, matrix @ vector

    dense = np.asarray(matrix.todense(), np.float64)
    assert brainevent.config.num_threads() is None
    try:
        for count in (None, 1, 2, 64):
            brainevent.config.set_num_threads(count)
            expected = np.asarray(spikes) @ dense, dense @ np.asarray(vector)
            for found, wanted in zip(run(matrix, spikes, vector), expected):
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
        assert len(traced) == 1
        assert "threads" not in run.lower(matrix, spikes, vector).as_text()
        brainevent.config.set_num_threads(None)
        monkeypatch.setenv("BRAINEVENT_NUM_THREADS", "3")
        assert brainevent.config.num_threads() == 3
        monkeypatch.setenv("BRAINEVENT_NUM_THREADS", "none")
        with pytest.raises(ValueError, match=r"BRAINEVENT_NUM_THREADS must be .*, 1 or more, got 'none'"):
            brainevent.config.num_threads()
        for wrong in (0, -1, 1.5, "two"):
            with pytest.raises(ValueError, match="1 or more"):
                brainevent.config.set_num_threads(wrong)  # type: ignore[arg-type]
    finally:
        monkeypatch.undo()
        brainevent.config.set_num_threads(None)
