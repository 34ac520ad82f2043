"""``jax.export``: for several platforms at once, written to a file, and called in a new process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from tests.exported_calls import calls, parts

import brainevent

PLATFORMS = ("cpu", "cuda", "tpu")


@jax.jit
def products(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: operand @ matrix for name, (operand, matrix) in arguments.items()}


@pytest.mark.parametrize("platforms", [("cpu",), ("tpu", "cpu"), PLATFORMS])
def test_what_changes_in_place(platforms: tuple[str, ...]) -> None:
    """Weights and rings, which kernels overwrite; in a module for several platforms, the reference runs on CPU."""
    conn = brainevent.CSR.fromdense(np.array([[0, 1, 2], [3, 0, 4]], np.float32)).with_csc_index()
    spikes, trace = jnp.array([True, False]), jnp.array([0.5, 0.25, 1.0])

    def step(weights: Any, ring: Any, spikes: Any) -> Any:
        learned = conn.with_data(weights).update_on_pre(spikes, trace, w_max=2.5)
        return learned.data, *ring.add(brainevent.BinaryArray(spikes), learned.with_delay(2)).pop()

    given = conn.data, brainevent.DelayRing(4, 3), spikes
    exported = jax.export.export(jax.jit(step), platforms=platforms)(*given)
    for found, wanted in zip(jax.tree.leaves(exported.call(*given)), jax.tree.leaves(step(*given)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_arguments_of_every_kind_in_a_new_process(tmp_path: Path, seed: int) -> None:
    made, file = calls(seed), tmp_path / "products"
    exported = jax.export.export(products, platforms=PLATFORMS)({name: call[:2] for name, call in made.items()})
    assert exported.platforms == PLATFORMS
    file.write_bytes(exported.serialize())
    script = [sys.executable, str(Path(__file__).with_name("exported_calls.py")), str(file), str(seed)]
    run = subprocess.run(script, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found.keys() == made.keys()
    for name, (_, _, result) in made.items():
        unit, numbers = parts(result)
        assert found[name][0] == unit, name
        np.testing.assert_allclose(found[name][1], numbers, rtol=1e-5, atol=1e-6, err_msg=name)
