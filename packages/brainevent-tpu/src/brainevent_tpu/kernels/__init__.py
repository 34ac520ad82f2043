"""The TPU kernels, written in Pallas: a strategy per module, each of which lists the calls that it takes."""

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

#: What XLA does best by itself: the primitive, which calls of it (None: all), and why.
_LEFT_TO_XLA = (
    ("matmul", Takes(formats=(DENSE_FORMAT,), encodings=(FLOAT,)), "a dense product is what the MXU computes"),
    ("matmul", dense_rows.LEFT, "columns of a matrix, and rows for many vectors, are what the MXU computes"),
    ("sddmm", sampled.LEFT, "at all places of a matrix it is an outer product, which fuses with what uses it"),
    ("stdp_update", dense_update.LEFT, "what changes or clips a dense matrix as a whole is elementwise"),
    ("encode_events", None, "encoding is elementwise, and fuses with what computes the events"),
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
    """Add the kernels to ``registry`` under the name ``backend``.

    Args:
        registry: of kernels.
        backend: the name.
        priority: added to that of the backend.
        platform: for which they are compiled.
        interpret: whether Pallas interprets them, as it can on every platform; for tests.
        on_request: whether they run only where their backend is asked for by name.
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
