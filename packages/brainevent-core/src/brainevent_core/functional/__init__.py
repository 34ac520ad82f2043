"""Functions on bare arrays, for those who don't want a matrix: a module per family of formats."""

from brainevent_core.functional.jitc import (
    binary_jitnmm,
    binary_jitnmv,
    binary_jitsmm,
    binary_jitsmv,
    binary_jitumm,
    binary_jitumv,
    jitn,
    jitnmm,
    jitnmv,
    jits,
    jitsmm,
    jitsmv,
    jitu,
    jitumm,
    jitumv,
)

__all__ = [
    "binary_jitnmm",
    "binary_jitnmv",
    "binary_jitsmm",
    "binary_jitsmv",
    "binary_jitumm",
    "binary_jitumv",
    "jitn",
    "jitnmm",
    "jitnmv",
    "jits",
    "jitsmm",
    "jitsmv",
    "jitu",
    "jitumm",
    "jitumv",
]
