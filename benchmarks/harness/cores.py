"""The threads that a contender may use, and their cores."""

from __future__ import annotations

import os

__all__ = ["cores", "thread_limits"]


def cores(threads: int) -> list[int] | None:
    """The cores for this number of threads, the last ones that this process may use; None where affinity isn't known.

    Raises:
        ValueError: if this process may use fewer.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    ours = sorted(os.sched_getaffinity(0))
    if len(ours) < threads:
        raise ValueError(f"{threads} threads need as many cores, and this process may use {len(ours)}: {ours}.")
    return ours[-threads:]


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that limit the libraries of all contenders to this number of threads.

    XLA sizes its pool by the cores that a process may use; the others have their own variables.
    """
    single = "--xla_cpu_multi_thread_eigen=false" if threads == 1 else "--xla_cpu_multi_thread_eigen=true"
    pools = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {"XLA_FLAGS": single, "JAX_PLATFORMS": "cpu", **dict.fromkeys(pools, str(threads))}
