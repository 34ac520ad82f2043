"""Functions on bare arrays, for those who don't want a matrix: a module per family of operations."""

from brainevent_core.functional.products import (
    binary_coomm,
    binary_coomv,
    binary_csrmm,
    binary_csrmv,
    binary_densemm,
    binary_densemv,
    binary_fcnmm,
    binary_fcnmv,
    coomm,
    coomv,
    csrmm,
    csrmv,
    densemm,
    densemv,
    fcnmm,
    fcnmv,
)
from brainevent_core.functional.sampled import coo_sddmm, csr_sddmm, fcn_sddmm

__all__ = [
    "binary_coomm",
    "binary_coomv",
    "binary_csrmm",
    "binary_csrmv",
    "binary_densemm",
    "binary_densemv",
    "binary_fcnmm",
    "binary_fcnmv",
    "coo_sddmm",
    "coomm",
    "coomv",
    "csr_sddmm",
    "csrmm",
    "csrmv",
    "densemm",
    "densemv",
    "fcn_sddmm",
    "fcnmm",
    "fcnmv",
]
