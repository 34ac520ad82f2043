"""Connectivity as matrices: one class per way of storing it."""

from brainevent_core.matrices.base import DataRepresentation
from brainevent_core.matrices.coo import COO
from brainevent_core.matrices.csr import CSC, CSR
from brainevent_core.matrices.dense import Dense
from brainevent_core.matrices.fixed_num import (
    FixedNumConn,
    FixedNumPerPost,
    FixedNumPerPre,
    FixedPostNumConn,
    FixedPreNumConn,
)
from brainevent_core.matrices.jitc import (
    JITCMatrix,
    JITCNormalC,
    JITCNormalR,
    JITCScalarC,
    JITCScalarR,
    JITCUniformC,
    JITCUniformR,
)

__all__ = [
    "COO",
    "CSC",
    "CSR",
    "DataRepresentation",
    "Dense",
    "FixedNumConn",
    "FixedNumPerPost",
    "FixedNumPerPre",
    "FixedPostNumConn",
    "FixedPreNumConn",
    "JITCMatrix",
    "JITCNormalC",
    "JITCNormalR",
    "JITCScalarC",
    "JITCScalarR",
    "JITCUniformC",
    "JITCUniformR",
]
