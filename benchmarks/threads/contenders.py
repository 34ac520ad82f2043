"""The kernels of a product, called on a pool that claims to have a given number of threads.

Only the kernels are timed: their calls are recorded when the product runs once, and repeated without XLA.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(pool: int, product: str, n: int, width: int, active: float, batch: int) -> Program:
    """The product of a case (see ``cases``) on ``pool`` threads."""
    # The simulated client is a callback, which blocks one of XLA's threads while it waits for another one to pass its
    # arrays. On the single core of a contender, XLA has one thread per device.
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    import jax

    from brainevent_cpu.bridge.call import handler_of
    from brainevent_cpu.testing import PretendedClient

    rng = np.random.default_rng(0)
    held, step = PRODUCTS[product](rng, n, width, batch)
    x = rng.random(n if product.startswith("vmap") or not batch else (batch, n)) < active
    if product.endswith("v") or product.startswith(("v@", "gradient")):
        x = np.where(x, rng.normal(size=x.shape), 0).astype(np.float32)
    with PretendedClient() as client:
        client.threads = pool
        jax.block_until_ready(jax.jit(step)(held, x))
    # Pointers are checked once for all products with a matrix.
    calls = [(handler_of(target), frame) for target, frame in client.calls if "pointers" not in target]
    assert calls

    def run(count: int) -> None:
        for _ in range(count):
            for handler, frame in calls:
                frame.call(handler)

    notes = {"tasks": sum(pool.started for pool in client.pools)}
    return Program(run, distributions=("jax", "brainevent-cpu", "numba"), notes=notes)


def _fan_out(rng: np.random.Generator, n: int, width: int) -> Any:
    import jax.numpy as jnp

    import brainevent

    indices = jnp.asarray(rng.integers(0, n, (n, width)), jnp.int32)
    return brainevent.FixedPostNumConn((jnp.asarray(rng.normal(size=(n, width)), jnp.float32), indices), shape=(n, n))


def _generated(rng: np.random.Generator, n: int, width: int) -> Any:
    import brainevent

    return brainevent.JITCNormalR((1.0, 1.0, width / n, 5), shape=(n, n))


def _dense(rng: np.random.Generator, n: int, width: int) -> Any:
    import jax.numpy as jnp

    import brainevent

    return brainevent.Dense(jnp.asarray(rng.normal(size=(n, n)), jnp.float32))


def _left(make: Callable[..., Any], events: bool = True) -> Any:
    def prepared(rng: np.random.Generator, n: int, width: int, batch: int) -> Any:
        import brainevent

        return make(rng, n, width), lambda A, x: (brainevent.BinaryArray(x) if events else x) @ A

    return prepared


def _right(make: Callable[..., Any], events: bool = True) -> Any:
    def prepared(rng: np.random.Generator, n: int, width: int, batch: int) -> Any:
        import brainevent

        return make(rng, n, width), lambda A, x: A @ (brainevent.BinaryArray(x.T) if events else x.T)

    return prepared


def _update(of_rows: bool) -> Any:
    def prepared(rng: np.random.Generator, n: int, width: int, batch: int) -> Any:
        trace = rng.normal(size=n).astype(np.float32)

        def step(A: Any, x: Any) -> Any:
            if of_rows:
                return A.update_on_pre(x, trace, -1.0, 1.0, clip="updated").data
            return A.update_on_post(trace, x, -1.0, 1.0).data

        return _fan_out(rng, n, width), step

    return prepared


def _gradient(rng: np.random.Generator, n: int, width: int, batch: int) -> Any:
    import jax

    def step(A: Any, x: Any) -> Any:
        return jax.grad(lambda data: ((A.with_data(data) @ x) ** 2).sum())(A.data)

    return _fan_out(rng, n, width), step


def _mapped(events: bool) -> Any:
    def prepared(rng: np.random.Generator, n: int, width: int, batch: int) -> Any:
        import jax

        import brainevent

        def product(weights: Any, A: Any, x: Any) -> Any:
            matrix = A.with_data(weights)
            return brainevent.BinaryArray(x) @ matrix if events else matrix @ x

        weights = rng.normal(size=(batch, n, width)).astype(np.float32)
        held = _fan_out(rng, n, width), jax.numpy.asarray(weights)
        return held, lambda held, x: jax.vmap(product, (0, None, None))(held[1], held[0], x)

    return prepared


# Functions that return `held` and `step`, given a random generator and the numbers of a case.
PRODUCTS: dict[str, Callable[..., Any]] = {
    "spikes@fan-out": _left(_fan_out),
    "v@fan-out": _left(_fan_out, events=False),
    "fan-out@spikes": _right(_fan_out),
    "fan-out@v": _right(_fan_out, events=False),
    "fan-out@spikes/column-index": _right(lambda *case: _fan_out(*case).with_csc_index()),
    "spikes@coo": _left(lambda *case: _fan_out(*case).tocoo()),
    "spikes@dense": _left(_dense),
    "dense@spikes": _right(_dense),
    "spikes@R": _left(_generated),
    "R@v": _right(_generated, events=False),
    "on_pre": _update(of_rows=True),
    "on_post": _update(of_rows=False),
    "gradient": _gradient,
    "vmap: spikes@fan-out": _mapped(events=True),
    "vmap: fan-out@v": _mapped(events=False),
}
