"""Self-tests by comparison with the reference, before any result depends on a kernel. Products have their own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import numpy as np

from brainevent_cpu.kernels.selftest import check_once

from .launcher.call import has_devices

__all__ = ["check_against"]


def check_against(
    reference: Callable[..., Any],
    run: Callable[..., Sequence[jax.Array]],
    draw: Callable[[], Sequence[np.ndarray] | None],
    *,
    what: str,
    known: dict[Hashable, str | None],
    key: Hashable,
    platform: str,
) -> None:
    """Compute a small case and compare it with the reference, at the first call of a process with each key.

    If no kernel can run, as in a process that compiles for another machine, nothing is tested.

    Args:
      reference: the reference of the primitive.
      run: the kernel, a function of the same operands that returns a list.
      draw: returns operands of whole numbers, so that sums are exact in every dtype and order; None if the dtypes of
        the call can't represent them.
      what: describes the case, for messages.
      known: earlier outcomes, by key.
      key: identifies the kind of call.
      platform: the first device of this platform computes the case.

    Raises:
      KernelBuildError: if the result is wrong, or was wrong in an earlier call.
    """

    def is_right() -> bool | None:
        drawn = draw()
        if drawn is None:
            return None
        device = jax.local_devices(backend=platform)[0]
        with jax.default_device(device):
            arrays = [jax.device_put(array, device) for array in drawn]
            expected = jax.tree.leaves(jax.jit(reference)(*arrays))
            found = jax.jit(run)(*arrays)
            pairs = zip(map(np.asarray, found), map(np.asarray, expected), strict=True)
            return all(np.array_equal(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs)

    if has_devices(platform):
        check_once(known, (platform, key), what, is_right)
