"""What one call of a kernel costs inside a compiled loop, and what an eager product costs. See ``overhead.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

CALLS = 10_000
SHAPE = jax.ShapeDtypeStruct((8,), np.dtype("float32"))

Timed = tuple[Callable[[], Any], dict[str, str]]


def _loop(body: Callable[[Any], Any], **versions: str) -> Timed:
    """``CALLS`` dependent calls of ``body`` in one compiled loop."""
    x = jnp.zeros(SHAPE.shape, SHAPE.dtype)
    run = jax.jit(lambda x: jax.lax.fori_loop(0, CALLS, lambda _, x: body(x), x))
    np.testing.assert_array_equal(run(x), np.full(SHAPE.shape, CALLS))
    return lambda: run(x).block_until_ready(), {"jax": jax.__version__, **versions}


def add_one(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = x[i] + 1


def ours() -> Timed:
    import numba

    from brainevent_cpu import __version__
    from brainevent_cpu.bridge import NativeKernel, native_call

    fill = numba.njit(add_one)

    def checked(x: Any, out: Any) -> int:
        fill(x, out)
        return 0  # our kernels return a status

    kernel = NativeKernel("bench_add_one", lambda: checked)
    return _loop(lambda x: native_call(kernel, x, outs=[SHAPE])[0], **{"brainevent-cpu": __version__})


def scatter() -> Timed:
    index = jnp.arange(SHAPE.shape[0])[::-1]
    return _loop(lambda x: x.at[index].add(1.0, unique_indices=True))


def pure_callback() -> Timed:
    return _loop(lambda x: jax.pure_callback(lambda x: np.asarray(x) + np.float32(1), SHAPE, x))


def published() -> Timed:
    import numba

    import brainevent

    kernel = brainevent.numba_kernel(numba.njit(add_one), outs=SHAPE)

    def call(x: Any) -> Any:
        out = kernel(x)
        return out[0] if isinstance(out, (tuple, list)) else out

    return _loop(call, brainevent=brainevent.__version__)


def eager_product() -> Timed:
    import brainevent

    spikes = brainevent.BinaryArray(jnp.arange(10) % 5 == 0)
    matrix = brainevent.CSR.fromdense(np.eye(10, dtype=np.float32))
    return _eagerly(lambda: spikes @ matrix), {"brainevent": brainevent.__version__, "jax": jax.__version__}


def eager_dot() -> Timed:
    vector, matrix = jnp.ones(10), jnp.eye(10)
    return _eagerly(lambda: jnp.dot(vector, matrix)), {"jax": jax.__version__}


def _eagerly(call: Callable[[], Any], calls: int = 2_000) -> Callable[[], Any]:
    def run() -> None:
        for _ in range(calls):
            result = call()
        result.block_until_ready()

    return run


CONTENDERS = {
    "ours": ours,
    "scatter": scatter,
    "pure_callback": pure_callback,
    "published": published,
    "eager_product": eager_product,
    "eager_dot": eager_dot,
}
