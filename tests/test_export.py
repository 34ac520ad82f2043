"""``jax.export``: for all platforms at once, written to a file, called in a new process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np
from tests.exported_calls import calls, parts

PLATFORMS = ("cpu", "cuda", "tpu")


@jax.jit
def products(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: operand @ matrix for name, (operand, matrix) in arguments.items()}


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
