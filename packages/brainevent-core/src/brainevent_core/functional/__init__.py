"""Functions on bare arrays, for those who don't want a matrix: a module per family."""

from brainevent_core.functional.dt2t import (
    coomm_dt2t,
    coomv_dt2t,
    cscmm_dt2t,
    cscmv_dt2t,
    csrmm_dt2t,
    csrmv_dt2t,
    densemm_dt2t,
    densemv_dt2t,
    fcnmm_dt2t,
    fcnmv_dt2t,
)
from brainevent_core.functional.slicing import csr_slice_rows

__all__ = [
    "coomm_dt2t",
    "coomv_dt2t",
    "cscmm_dt2t",
    "cscmv_dt2t",
    "csr_slice_rows",
    "csrmm_dt2t",
    "csrmv_dt2t",
    "densemm_dt2t",
    "densemv_dt2t",
    "fcnmm_dt2t",
    "fcnmv_dt2t",
]
