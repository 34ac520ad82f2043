"""Self-test of the bridge with the installed versions of JAX and Numba, before any result depends on it."""

from __future__ import annotations

import functools
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from brainevent_core import config
from brainevent_core.errors import BackendWarning

from . import layout
from .call import native_call
from .kernel import NativeKernel

__all__ = ["bridge_is_usable", "bridge_works", "mark_as_proved"]

#: The newest Numba with which this package was tested. Later ones may work as well, which the self-tests find out.
NEWEST_TESTED = (0, 68)

_lock = threading.Lock()
_proved = False


def bridge_is_usable() -> bool:
    """Whether native kernels can be compiled in this process. Whether their results are right is tested by
    `bridge_works`, or by a kernel's own self-test. Warns if they can't, or if Numba is newer than any tested version.
    """
    with _lock:
        return _look_once()


def bridge_works() -> bool:
    """Whether native kernels give right results in this process. The first call tests this, and warns if they don't."""
    with _lock:
        return _look_once() and (_proved or _run_once())


def mark_as_proved() -> None:
    """Record that a native kernel has given right results, so that no other has to be compiled as a test."""
    global _proved
    _proved = True


@functools.cache
def _look_once() -> bool:
    config.num_threads()  # raises here if the setting is invalid, an error of the user and not of the bridge
    if not layout.supported_platform():
        _decline("only 64-bit platforms are supported")
        return False
    try:
        import numba
    except Exception as error:  # for example an unsupported version of NumPy
        _decline(f"{type(error).__name__}: {error}")
        return False
    if tuple(map(int, re.findall(r"\d+", numba.__version__)[:2])) > NEWEST_TESTED:
        newest = ".".join(map(str, NEWEST_TESTED))
        warnings.warn(
            f"brainevent-cpu was tested with Numba up to {newest}, and this is {numba.__version__}. Where kernels "
            f"can't be built or a self-test fails, the reference runs; `pip install 'numba<={newest}.99'` avoids both.",
            BackendWarning,
            stacklevel=3,
        )
    return True


@functools.cache
def _run_once() -> bool:
    try:
        # In a separate thread, where no trace and no mesh of the caller is active.
        with ThreadPoolExecutor(1) as thread:
            reason = thread.submit(_failure).result()
    except Exception as error:  # whatever it is, the reference kernels work
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        _decline(reason)
    return reason is None


def _decline(reason: str) -> None:
    warnings.warn(
        f"brainevent's native CPU kernels don't work here ({reason}); slower reference kernels are used instead.",
        BackendWarning,
        stacklevel=4,
    )


def _failure() -> str | None:
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
