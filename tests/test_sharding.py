"""Several devices: inside ``shard_map`` each has its own share, and gradients are summed over them; under automatic
partitioning and under explicit axes results are those of one device. Neither depends on the backend."""

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


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_shard_map(backend: str) -> None:
    environment = dict(os.environ, XLA_FLAGS="--xla_force_host_platform_device_count=2")
    command = [sys.executable, "-c", SCRIPT, backend]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["devices"] == 2
    assert results["product"] == results["expected"]
    sums = [18.0, 22.0, 26.0]  # of the columns of x: the derivative by each weight of that row
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
