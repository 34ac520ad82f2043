"""The TPUs that kernels are compiled for, and the compiler's settings. Import this module before JAX."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from typing import Any

__all__ = ["TARGETS", "prepare", "topology"]

#: Names of the smallest topologies that libtpu describes; v7x needs a version of JAX that supports it.
TARGETS = {"v4": "v4:2x2x1", "v5e": "v5e:2x2", "v5p": "v5p:2x2x1", "v6e": "v6e:2x2", "v7x": "tpu7x:2x2x1"}


def prepare() -> str:
    """Set up the process for compilation without a TPU.

    Returns:
        The folder for libtpu's dumps, which is deleted when the process exits.
    """
    dumps = tempfile.mkdtemp(prefix="brainevent-tpu-")
    atexit.register(shutil.rmtree, dumps, ignore_errors=True)
    settings = {
        "JAX_PLATFORMS": "cpu",
        "TPU_SKIP_MDS_QUERY": "1",  # don't ask the cloud which machine this is
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",  # this and the next one prevent complaints
        "TPU_WORKER_HOSTNAMES": "localhost",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # no TPU, nothing to lock: several processes may compile
        "LIBTPU_INIT_ARGS": f"--xla_jf_dump_to={dumps} --xla_jf_dump_llo_text=true",
    }
    os.environ.update(settings)
    return dumps


@cache
def topology(target: str) -> Any:
    """The description of a target's devices."""
    from jax.experimental import topologies

    return topologies.get_topology_desc(platform="tpu", topology_name=TARGETS[target])
