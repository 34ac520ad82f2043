"""Which fallbacks to the reference are by design, and which programs can't contain a kernel. No accelerator is needed,
as selection happens at lowering."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core import info
from brainevent_core.encodings import BINARY, FLOAT
from brainevent_core.formats import COO_FORMAT, CSR_FORMAT
from brainevent_core.plugins import FirstOf, Takes, backends, selection


@pytest.fixture
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[brainevent.XLACustomKernel]:
    """A primitive for this test; previous warnings are forgotten."""
    monkeypatch.setattr(selection, "_warned", set())
    op = brainevent.XLACustomKernel(f"tests.{request.node.name}")
    op.def_abstract_eval(lambda x, *, fast: jax.ShapeDtypeStruct(x.shape, x.dtype))
    op.def_reference(lambda x, *, fast: 2 * x)
    yield op
    brainevent.get_registry().remove(op.name)


def lowered(op: brainevent.XLACustomKernel, *, fast: bool, platform: str = "tpu") -> Any:
    """The selection and the warnings of a program for a platform that isn't available."""
    x = jax.ShapeDtypeStruct((3,), jnp.float32)
    with warnings.catch_warnings(record=True) as caught, brainevent.get_registry().record() as selections:
        warnings.simplefilter("always")
        jax.jit(lambda x: op(x, fast=fast)).trace(x).lower(lowering_platforms=(platform,))
    (chosen,) = selections
    return chosen, [str(w.message) for w in caught if w.category is brainevent.BackendWarning]


def test_a_design_is_quiet_and_a_lack_is_not(made: brainevent.XLACustomKernel) -> None:
    registry = brainevent.get_registry()
    registry.leave_to_xla(
        made.name, "tpu", backend="maker", because="it is fused anyway", calls=lambda x, *, fast: not fast
    )
    chosen, messages = lowered(made, fast=False)
    assert (chosen.backend, chosen.by_design, messages) == ("reference", "maker: it is fused anyway", [])
    chosen, messages = lowered(made, fast=True)
    assert (chosen.backend, chosen.by_design) == ("reference", None)
    assert len(messages) == 1
    assert f"{made.name!r} runs on the reference kernel on 'tpu'" in messages[0]
    # The warning also names the backends that can't be used at all, whichever kernel declined.
    for status in backends():
        if status.reason is not None and status.backend is not None and "tpu" in status.backend.platforms:
            assert f"{status.name}: {status.reason.rstrip('.')}" in messages[0]
    # Nothing is declared for another platform.
    chosen, messages = lowered(made, fast=False, platform="cuda")
    assert chosen.by_design is None
    assert len(messages) == 1


def test_a_kernel_comes_before_a_design(made: brainevent.XLACustomKernel) -> None:
    made.def_kernel("maker", "tpu", lambda x, *, fast: x + x, supports=lambda x, *, fast: fast)
    brainevent.get_registry().leave_to_xla(made.name, "tpu", backend="maker", because="it is fused anyway")
    assert lowered(made, fast=True)[0].backend == "maker"
    assert lowered(made, fast=True)[0].by_design is None
    assert lowered(made, fast=False)[0].by_design == "maker: it is fused anyway"


def test_the_report_names_what_is_left_to_xla(made: brainevent.XLACustomKernel) -> None:
    brainevent.get_registry().leave_to_xla(made.name, "cpu", backend="maker", because="it is fused anyway")
    report = info.gather()
    (entry,) = [entry for entry in report["primitives"] if entry["name"] == made.name]
    assert entry["left_to_xla"]["cpu"] == ["maker: it is fused anyway"]
    assert f"{made.name} on cpu: maker: it is fused anyway" in info.render(report)


def test_a_backend_that_withdraws_leaves_nothing_behind(made: brainevent.XLACustomKernel) -> None:
    registry = brainevent.get_registry()
    for backend in ("maker", "other"):
        made.def_kernel(backend, "tpu", lambda x, *, fast: x + x, supports=lambda x, *, fast: fast)
        registry.leave_to_xla(made.name, "tpu", backend=backend, because="it is fused anyway")
    registry.withdraw("maker", platform="cuda")
    assert len(registry.kernels(made.name)) == len(registry.left_to_xla(made.name, "tpu")) == 2
    registry.withdraw("maker")
    assert [kernel.backend for kernel in registry.kernels(made.name)] == ["other"]
    assert [left.backend for left in registry.left_to_xla(made.name, "tpu")] == ["other"]


def test_strategies_are_asked_in_order_and_say_why_not() -> None:
    strategies = FirstOf(
        {
            "rows": Takes(formats=(CSR_FORMAT,), encodings=(BINARY,)),
            "any": Takes(formats=(CSR_FORMAT, COO_FORMAT), encodings=(BINARY,), dtypes=("float32",)),
        }
    )
    data = jax.ShapeDtypeStruct((3,), "float32")
    assert strategies.first(data, format=CSR_FORMAT, encoding=BINARY) == "rows"
    assert strategies.first(data, format=COO_FORMAT, encoding=BINARY) == "any"
    assert strategies.why_not(data, format=COO_FORMAT, encoding=BINARY) is None
    assert not strategies(data, format=CSR_FORMAT, encoding=FLOAT)
    reason = "it takes the encodings binary, not float"
    assert strategies.why_not(data, format=CSR_FORMAT, encoding=FLOAT) == f"rows: {reason}; any: {reason}"


SEVERAL = """
import json, warnings
warnings.simplefilter("ignore")
import brainevent, jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

op = brainevent.XLACustomKernel("tests.several_devices")
op.def_abstract_eval(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype))
op.def_reference(lambda x: 2 * x)
op.def_kernel("whole", "cpu", lambda x: x + x, partitionable=False)
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("a", "b"))
x = jnp.arange(8.0)
split = jax.device_put(x, NamedSharding(mesh, P("a")))

def inside(fn, axes):
    return jax.jit(jax.shard_map(fn, mesh=mesh, in_specs=P("a"), out_specs=P("a"), axis_names=axes))

calls = {
    "one device": lambda: jax.jit(op)(x),
    "automatic": lambda: jax.jit(op)(split),
    "manual": lambda: inside(op, {"a", "b"})(split),
    "manual in part": lambda: inside(op, {"a"})(split),
    "behind shard_map": lambda: jax.jit(lambda x: op(inside(lambda x: x, {"a", "b"})(x)))(split),
}
result = {}
for name, call in calls.items():
    with brainevent.get_registry().record() as lowered:
        out = call()
    result[name] = [{s.backend for s in lowered}.pop(), out.tolist(), dict(lowered[0].declined).get("whole")]
print(json.dumps(result))
"""


def test_kernels_that_cannot_be_partitioned_decline_where_xla_partitions() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    run = subprocess.run([sys.executable, "-c", SEVERAL], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert {name: backend for name, (backend, _, _) in found.items()} == {
        "one device": "whole",
        "automatic": "reference",
        "manual": "whole",
        "manual in part": "reference",
        "behind shard_map": "reference",
    }
    for _, out, _ in found.values():
        np.testing.assert_array_equal(out, 2 * np.arange(8.0))
    assert "inside `jax.shard_map`" in found["automatic"][2]
