"""A new process that imports the installed brainevent and computes one product. Prints seconds as JSON.

    python first_use.py [CPU ...]

The cores to run on are optional. Times are wall-clock time, and CPU time of all threads.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any


def main() -> None:
    cpus = [int(cpu) for cpu in sys.argv[1:]]
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    stages: dict[str, Any] = {}
    last = _now()

    def stage(name: str) -> None:
        nonlocal last
        now = _now()
        stages[name] = {clock: now[clock] - last[clock] for clock in now}
        last = now

    import brainunit  # noqa: F401
    import jax
    import jax.numpy as jnp
    import numba  # noqa: F401
    import numpy as np

    stage("jax, brainunit and numba")
    import brainevent

    stage("import brainevent")
    n, per_row = 1000, 10
    columns = np.sort(np.random.default_rng(0).integers(0, n, (n, per_row), np.int32), axis=1)
    pointers = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    weights = np.ones(n * per_row, np.float32)
    spikes = jnp.arange(n) % 100 == 0
    matrix: Any = brainevent.CSR((weights, columns.reshape(-1), pointers), shape=(n, n))
    stage("matrix and spikes")
    product = jax.jit(lambda spikes, matrix: brainevent.BinaryArray(spikes) @ matrix)
    result = np.asarray(product(spikes, matrix))
    stage("first product")
    right = np.bincount(columns[::100].reshape(-1), minlength=n)
    versions = {name: version(name) for name in ("brainevent", "jax", "numba")}
    print(json.dumps({"stages": stages, "right": bool(np.array_equal(result, right)), "versions": versions}))


def _now() -> dict[str, float]:
    return {"wall": time.perf_counter(), "cpu": time.process_time()}


if __name__ == "__main__":
    main()
