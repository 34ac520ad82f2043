"""Several devices: inside ``shard_map`` each has its own share, and gradients are summed over devices; with automatic
partitioning and with explicit axes, results are those of one device. Neither depends on the backend."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, sys
import brainevent, jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(np.array(jax.devices()), ("batch",))
dense = np.arange(9.0, dtype=np.float32).reshape(3, 3)
matrix, x = brainevent.CSR.fromdense(dense), jnp.arange(12.0).reshape(4, 3)

def share(fn, out):
    return jax.shard_map(fn, mesh=mesh, in_specs=(P(), P("batch")), out_specs=out)

product = share(lambda w, x: x @ matrix.with_data(w), P("batch"))
mapped = share(lambda w, x: jax.vmap(lambda x: x @ matrix.with_data(w))(x), P("batch"))
total = share(lambda w, x: jax.lax.psum((x @ matrix.with_data(w)).sum(), "batch"), P())
inside = share(lambda w, x: jax.grad(lambda w: (x @ matrix.with_data(w)).sum())(w), P())
with brainevent.use_backend(sys.argv[1]), brainevent.get_registry().record() as lowered:
    meshes = {}
    for kind in (AxisType.Auto, AxisType.Explicit):
        devices = jax.make_mesh((2,), ("batch",), axis_types=(kind,))
        with jax.set_mesh(devices):
            split = jax.device_put(x, NamedSharding(devices, P("batch")))
            weights = jax.device_put(matrix.data, NamedSharding(devices, P("batch")))
            calls = {
                "numbers": lambda: split @ matrix,
                "events": lambda: brainevent.BinaryArray(split) @ matrix,
                "dense": lambda: brainevent.BinaryArray(split) @ jnp.asarray(dense),
                "vmap": lambda: jax.vmap(lambda x: x @ matrix)(split),
                "by x": lambda: jax.grad(lambda x: (x @ matrix).sum())(split),
                "by weights": lambda: jax.grad(lambda w: (x @ matrix.with_data(w)).sum())(weights),
            }
            for name, call in calls.items():
                meshes[f"{kind.name} {name}"] = call().tolist()
                meshes[f"{kind.name} {name} in jit"] = jax.jit(call)().tolist()
    results = {
        "meshes": meshes,
        "devices": len(jax.devices()),
        "product": product(matrix.data, x).tolist(),
        "expected": (x @ dense).tolist(),
        "by weights": [
            jax.grad(lambda w: product(w, x).sum())(matrix.data).tolist(),
            jax.grad(lambda w: mapped(w, x).sum())(matrix.data).tolist(),
            jax.grad(total)(matrix.data, x).tolist(),
            inside(matrix.data, x).tolist(),
        ],
        "by x": jax.grad(lambda x: product(matrix.data, x).sum())(x).tolist(),
        "backends": [s.backend for s in lowered if s.primitive == "matmul"],
    }
print(json.dumps(results))
"""


OPERATIONS = """
import sys
import brainevent, jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

DENSE = np.array([[4, 1, 0, 0], [2, 5, 0, 1], [0, 0, 3, 0], [0, 2, 0, 6]], np.float32)
OPERATIONS = {
    "todense": lambda m, v, i: m.todense(),
    "transpose": lambda m, v, i: m.T.todense(),
    "tocoo": lambda m, v, i: m.tocoo(nse=16).todense(),
    "tocsr": lambda m, v, i: m.tocsr(nse=16).todense(),
    "tocsc": lambda m, v, i: m.tocsc(nse=16).todense(),
    "row": lambda m, v, i: m[1],
    "rows": lambda m, v, i: m[i],
    "columns": lambda m, v, i: m[:, i],
    "elements": lambda m, v, i: m[i, i],
    "slice": lambda m, v, i: m[1:3],
    "sum with a number": lambda m, v, i: m + 1.0,
    "comparison": lambda m, v, i: v > m,
    "number": lambda m, v, i: (2 * m).todense(),
    "vector": lambda m, v, i: m * v,
    "array": lambda m, v, i: m / (1 + m.todense()),
    "itself": lambda m, v, i: m * m + m,
    "power": lambda m, v, i: m**2,
    "trace": lambda m, v, i: m.yw_to_w(v, m.data),
    "gradient": lambda m, v, i: jax.grad(lambda w, v: (m.with_data(w).yw_to_w(v, w) ** 2).sum(), (0, 1))(m.data, v),
    "gradient of elements": lambda m, v, i: jax.grad(lambda w: (m.with_data(w).todense() ** 2).sum())(m.data),
    "update": lambda m, v, i: m.update_on_pre(v, v).todense(),
    "diagonal": lambda m, v, i: m.diag_add(v).todense(),
    "solve": lambda m, v, i: m.solve(v),
    "sorted": lambda m, v, i: m.sort_indices().data,
    "rows of arrays": lambda m, v, i: brainevent.csr_slice_rows(m.data, m.indices, m.indptr, i, shape=m.shape),
    "dense": lambda m, v, i: type(m).fromdense(2 * m.todense(), nse=16).todense(),
}
SOME = {"diagonal": ["CSR"], "solve": ["CSR"], "rows of arrays": ["CSR"], "sorted": ["COO"]}

def numbers(tree):
    plain = jax.tree.map(lambda x: getattr(x, "data", x) if hasattr(x, "__matrix_spec__") else x, tree)
    leaves = jax.tree.leaves(plain)
    return [np.asarray(leaf) for leaf in leaves if hasattr(leaf, "dtype")]

jax.config.update("jax_disable_most_optimizations", True)  # programs that run once
compared, mesh = [], jax.make_mesh((2,), ("x",), axis_types=(AxisType.Explicit,))
with jax.set_mesh(mesh):
    split = lambda x: jax.device_put(jnp.asarray(x), NamedSharding(mesh, P("x")))
    v, i = np.arange(1, 5, dtype=np.float32), np.array([1, 3])
    for name in sys.argv[1:]:
        cls = getattr(brainevent, name)
        matrix = cls(DENSE) if name == "Dense" else cls.fromdense(DENSE, nse=8 if name in ("CSR", "COO") else None)
        whole = (matrix, jnp.asarray(v), jnp.asarray(i))
        parts = (matrix.with_data(split(matrix.data)), split(v), split(i))
        for operation, call in OPERATIONS.items():
            if name not in SOME.get(operation, [name]):
                continue
            expected = numbers(call(*whole))
            for form in (call, jax.jit(call)) if name == "CSR" else (jax.jit(call),):
                found = numbers(form(*parts))
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-5, err_msg=f"{name} {operation}")
            compared.append(operation)
        doubled = parts[0] * 2.0
        assert doubled.data.sharding.spec[0] == "x", doubled.data.sharding
print(len(compared))
"""


SHARDING_RULE = """
import brainevent, jax, jax.numpy as jnp, numpy as np
from brainevent_core.primitive.catalogue import forget
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

seen = []
# Under vmap, jnp.asarray of JAX 0.8 says of another axis that it is split.
KEEPS_AXIS = jax.__version_info__ >= (0, 9)

def scale(name, rule):
    op = brainevent.XLACustomKernel(name)
    op.def_abstract_eval(lambda w, x, *, factor: [jax.ShapeDtypeStruct(x.shape, x.dtype)] * 2)
    op.def_reference(lambda w, x, *, factor: [factor * w * x, w + x])
    brainevent.defjvp(
        op,
        lambda dot, w, x, *, factor: [factor * dot * x, dot + 0 * x],
        lambda dot, w, x, *, factor: [factor * w * dot, dot],
    )
    if rule:
        op.def_sharding_rule(rule)
    return lambda x: op(2.0, x, factor=3)

def rule(specs, w, x, *, factor):
    seen.append((tuple(specs[0]), any(specs[1]), w.shape, x.shape, factor))
    return [specs[1], P()]

numbers = np.arange(8, dtype=np.float32).reshape(4, 2)
whole, split = scale("tests.whole", None), scale("tests.split", rule)
spec = lambda value: [axis for axis in jax.typeof(value).sharding.spec]
mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Explicit,))
with jax.set_mesh(mesh):
    x = jax.device_put(numbers, NamedSharding(mesh, P("d")))
    for call, expected in ((whole, [None, None]), (split, ["d", None])):
        for form in (call, jax.jit(call)):
            first, second = form(x)
            assert (spec(first), spec(second)) == (expected, [None, None]), (first, second)
            np.testing.assert_array_equal(first, 6 * numbers)
            np.testing.assert_array_equal(second, 2 + numbers)
        mapped = jax.vmap(lambda x: call(x)[0], 1, 1)(x)
        assert spec(mapped) == expected or not KEEPS_AXIS, mapped.sharding
        np.testing.assert_array_equal(mapped, 6 * numbers)
        gradient = jax.jit(jax.grad(lambda x: (call(x)[0] ** 2).sum()))(x)
        assert spec(gradient) == ["d", None]
        np.testing.assert_array_equal(gradient, 72 * numbers)
    value, tangent = jax.jvp(lambda x: split(x)[0], (x,), (x,))
    assert spec(value) == spec(tangent) == ["d", None]
    assert set(seen) == {((), True, (), (4, 2), 3), ((), KEEPS_AXIS, (), (4,), 3)}, seen
    for wrong in (3, [P()], P(None, None, "d")):
        try:
            scale("tests.wrong", lambda specs, w, x, *, factor: wrong)(x)
        except brainevent.RegistrationError as error:
            assert "The sharding rule of 'tests.wrong' returned" in str(error)
        else:
            raise AssertionError(wrong)
        forget("tests.wrong")

# Nobody asks it elsewhere.
seen.clear()
auto = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
split(numbers)
jax.jit(split)(jax.device_put(numbers, NamedSharding(auto, P("d"))))
inside = jax.shard_map(lambda x: split(x)[0], mesh=auto, in_specs=P("d"), out_specs=P("d"))(numbers)
np.testing.assert_array_equal(inside, 6 * numbers)
print(len(seen))
"""


def run_on_two_devices(script: str, *arguments: str) -> str:
    """The last line that a script prints."""
    environment = dict(os.environ, XLA_FLAGS="--xla_force_host_platform_device_count=2")
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_sharding_rule_of_a_primitive() -> None:
    """It determines how outputs are split on a mesh with explicit axes, and is not used anywhere else."""
    assert run_on_two_devices(SHARDING_RULE) == "0"


@pytest.mark.cover(share=0.25)
@pytest.mark.parametrize(("cls", "operations"), [("CSR", 25), ("COO", 23), ("FixedPreNumConn", 22), ("Dense", 22)])
def test_operations_under_explicit_axes(cls: str, operations: int) -> None:
    """Operations that gather or scatter get replicated arrays, as JAX couldn't infer how the result is split."""
    assert int(run_on_two_devices(OPERATIONS, cls)) == operations


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_shard_map(backend: str) -> None:
    results = json.loads(run_on_two_devices(SCRIPT, backend))
    assert results["devices"] == 2
    assert results["product"] == results["expected"]
    sums = [18.0, 22.0, 26.0]  # over the columns of x: the derivative with respect to the weights of each row
    assert results["by weights"] == [[sums[0]] * 2 + [sums[1]] * 3 + [sums[2]] * 3] * 4
    assert results["by x"] == [[3.0, 12.0, 21.0]] * 4
    assert set(results["backends"]) == {backend}

    dense, x = np.arange(9.0).reshape(3, 3), np.arange(12.0).reshape(4, 3)
    expected = {
        "numbers": x @ dense,
        "events": (x != 0) @ dense,
        "dense": (x != 0) @ dense,
        "vmap": x @ dense,
        "by x": np.tile(dense.sum(1), (4, 1)),
        "by weights": np.tile(x.sum(0)[:, None], 3)[dense != 0],
    }
    assert len(results["meshes"]) == 4 * len(expected)
    for name, found in results["meshes"].items():
        _, call = name.removesuffix(" in jit").split(" ", 1)
        np.testing.assert_allclose(found, expected[call], err_msg=name)
