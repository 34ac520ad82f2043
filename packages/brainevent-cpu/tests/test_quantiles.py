"""Normal variates of just-in-time connectivity, from the table that native kernels use."""

import numpy as np
from numba import njit
from scipy.special import ndtri

from brainevent_cpu.kernels.native.jitc.quantiles import build_quantile


def test_accurate_everywhere(rng: np.random.Generator) -> None:
    locate, quantile = build_quantile()

    @njit
    def variates(drawn, out):
        for i in range(drawn.size):
            out[i] = quantile(*locate(drawn[i]))

    # Distances of all orders of magnitude from either end and from the middle, and all draws close to these.
    near = np.arange(3000)
    spread = (2 ** rng.uniform(0, 31, 300_000)).astype(np.int64)
    lower = np.concatenate([near, spread, 2**31 - 1 - near, 2**31 - 1 - spread, 2**30 + near - 1500])
    drawn = np.concatenate([lower, lower + 2**31]).astype(np.uint32)
    out = np.zeros(drawn.size, np.float32)
    variates(drawn, out)
    tail = ((drawn & 0x7FFFFFFF) + 0.5) / 2.0**32
    np.testing.assert_allclose(out, np.where(drawn >> 31, -ndtri(tail), ndtri(tail)), rtol=2.0**-20)
