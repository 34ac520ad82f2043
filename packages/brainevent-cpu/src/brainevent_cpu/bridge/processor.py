"""Features of the processor for which Numba compiles."""

from __future__ import annotations

import functools

__all__ = ["converts_half", "has_lanes"]


@functools.cache
def has_lanes() -> bool:
    """Whether SIMD gathers are faster than single loads; see `simd`.

    Among Intel's processors with AVX-512 they are since Sapphire Rapids: 9 cycles for 16 numbers in L1. These
    processors are recognised by their float16 arithmetic. On earlier ones, the mitigation of "gather data sampling"
    slows gathers down. On AMD's processors up to Zen 3, the instruction takes longer than single loads; Zen 4 and 5
    weren't measured.
    """
    return {"+avx512f", "+avx512fp16"} <= _target()[1]


@functools.cache
def converts_half() -> bool:
    """Whether there are instructions that convert between float16 and float32. On x86 they require AVX, which Numba
    disables for some processors and for the generic one."""
    triple, features = _target()
    if triple.startswith(("x86", "i386", "i686")):
        return {"+avx", "+f16c"} <= features
    return triple.startswith(("aarch64", "arm64"))


def _target() -> tuple[str, set[str]]:
    """The triple and the features for which Numba compiles."""
    from numba.core.registry import cpu_target

    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return triple, set(features.split(","))
