"""The processor that Numba compiles for."""

from __future__ import annotations

import functools

__all__ = ["converts_half", "has_lanes"]


@functools.cache
def has_lanes() -> bool:
    """Whether it looks up a vector of numbers in less time than one after another; see `lanes`.

    Of Intel's processors with AVX-512, those since Sapphire Rapids do, in 9 cycles for 16 numbers from the innermost
    cache; they are the ones that compute in float16 as well. Earlier ones have been slowed down against "gather data
    sampling". AMD's, up to Zen 3, take longer for such an instruction than for its loads; Zen 4 and 5 weren't measured.
    """
    return {"+avx512f", "+avx512fp16"} <= _target()[1]


@functools.cache
def converts_half() -> bool:
    """Whether it has instructions from float16 to float32 and back. On x86 they belong to AVX, which Numba switches off
    on some processors, and leaves out of the generic one."""
    triple, features = _target()
    if triple.startswith(("x86", "i386", "i686")):
        return {"+avx", "+f16c"} <= features
    return triple.startswith(("aarch64", "arm64"))


def _target() -> tuple[str, set[str]]:
    """The triple and the features that Numba compiles for."""
    from numba.core.registry import cpu_target

    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return triple, set(features.split(","))
