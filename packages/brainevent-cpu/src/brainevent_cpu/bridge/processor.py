"""The processor that Numba compiles for."""

from __future__ import annotations

import functools

__all__ = ["has_lanes"]


@functools.cache
def has_lanes() -> bool:
    """Whether it looks up a vector of numbers in less time than one after another; see `lanes`.

    Of Intel's processors with AVX-512, those since Sapphire Rapids do, in 9 cycles for 16 numbers from the innermost
    cache; they are the ones that compute in float16 as well. Earlier ones have been slowed down against "gather data
    sampling". AMD's, up to Zen 3, take longer for such an instruction than for its loads; Zen 4 and 5 weren't measured.
    """
    from numba.core.registry import cpu_target

    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return {"+avx512f", "+avx512fp16"} <= set(features.split(","))
