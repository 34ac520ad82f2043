"""How many threads a contender may use, and where."""

from __future__ import annotations

import os

__all__ = ["cores", "thread_limits"]


def cores(threads: int) -> list[int] | None:
    """The cores for so many threads, the last of those that this process may use; None where that can't be said.

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
    """Environment variables that hold the libraries of all contenders to so many threads.

    XLA sizes its pool by the cores that a process may use. The rest have variables of their own.
    """
    single = "--xla_cpu_multi_thread_eigen=false" if threads == 1 else "--xla_cpu_multi_thread_eigen=true"
    pools = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {"XLA_FLAGS": single, "JAX_PLATFORMS": "cpu", **dict.fromkeys(pools, str(threads))}
