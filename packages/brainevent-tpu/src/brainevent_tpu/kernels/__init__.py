"""The TPU kernels, written in Pallas: one strategy per module, which lists the calls that it supports."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from brainevent_core.encodings import FLOAT
from brainevent_core.formats import DENSE_FORMAT
from brainevent_core.plugins import Takes

from . import dense_rows, dense_update, jitc_matmul, matmul, sampled

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["register"]

#: What XLA computes best: the primitive, the calls (None: all), and the reason.
_LEFT_TO_XLA = (
    ("matmul", Takes(formats=(DENSE_FORMAT,), encodings=(FLOAT,)), "the MXU computes dense products"),
    ("matmul", dense_rows.LEFT, "the MXU is faster for columns, and for batches"),
    ("sddmm", sampled.LEFT, "a dense sampled product is an outer product, which XLA fuses with its consumer"),
    ("stdp_update", dense_update.LEFT, "an update of the whole dense matrix is elementwise"),
    ("encode_events", None, "encoding is elementwise, and XLA fuses it with its input"),
)


def register(
    registry: KernelRegistry,
    *,
    backend: str,
    priority: int = 0,
    platform: str = "tpu",
    interpret: bool = False,
    on_request: bool = False,
) -> None:
    """Register the kernels in ``registry`` under the name ``backend``.

    Args:
        registry: the registry of kernels.
        backend: the name of the backend.
        priority: added to the priority of the backend.
        platform: the platform that they are compiled for.
        interpret: whether Pallas interprets them, which works on every platform; for tests.
        on_request: whether they run only if their backend is requested by name.
    """
    for primitive, kernel, supports, in_place in (
        ("matmul", matmul.matmul, matmul.SUPPORTS, False),
        ("jitc_matmul", jitc_matmul.jitc_matmul, jitc_matmul.SUPPORTS, False),
        ("sddmm", sampled.sampled_products, sampled.TAKES, False),
        ("stdp_update", dense_update.dense_update, dense_update.TAKES, True),
    ):
        registry.register_kernel(
            primitive,
            platform,
            partial(kernel, interpret=interpret),
            backend=backend,
            priority=priority,
            supports=supports,
            in_place=in_place,
            partitionable=False,
            on_request=on_request,
        )
    for primitive, calls, reason in _LEFT_TO_XLA:
        registry.leave_to_xla(primitive, platform, backend=backend, calls=calls, because=reason)
