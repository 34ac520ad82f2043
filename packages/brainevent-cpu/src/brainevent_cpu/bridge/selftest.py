"""A check that the bridge works with the installed versions of JAX and Numba, before any result depends on it."""

from __future__ import annotations

import functools
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from brainevent_core import config

from . import layout
from .call import native_call
from .kernel import NativeKernel

__all__ = ["bridge_works"]

_lock = threading.Lock()


def bridge_works() -> bool:
    """Whether native kernels give right results in this process. The first call finds out, and warns if they don't."""
    with _lock:
        return _run_once()


@functools.cache
def _run_once() -> bool:
    config.num_threads()  # a number of threads that is none is an error of the user's, not of the bridge
    try:
        # In a thread of its own, where no trace and no mesh of the caller is in force.
        with ThreadPoolExecutor(1) as thread:
            reason = thread.submit(_failure).result()
    except Exception as error:  # whatever it is, the reference kernels still work
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        from brainevent_core.errors import BackendWarning

        warnings.warn(
            f"brainevent's native CPU kernels don't work here ({reason}); slower reference kernels are used instead.",
            BackendWarning,
            stacklevel=3,
        )
    return reason is None


def _failure() -> str | None:
    if not layout.supported_platform():
        return "only 64-bit platforms are supported"
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    scale = np.array([2, -3], np.int32)
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        out = native_call(
            _KERNEL,
            jax.device_put(matrix, cpu),
            jax.device_put(scale, cpu),
            outs=[jax.ShapeDtypeStruct((3, 2), np.float32)],
        )[0]
        result = np.asarray(out)
    return None if np.array_equal(result, (matrix * scale[:, None]).T) else "the self-test gave wrong numbers"


def _scale_and_transpose(matrix, scale, out):  # type: ignore[no-untyped-def]
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[j, i] = matrix[i, j] * scale[i]
    return 0


_KERNEL = NativeKernel("selftest", lambda: _scale_and_transpose, sources=(__file__,))
