"""Connectivity as matrices: one class for each way to store or generate connections."""

from brainevent_core.matrices.base import Matrix
from brainevent_core.matrices.coo import COO
from brainevent_core.matrices.csr import CSC, CSR
from brainevent_core.matrices.delay_layout import CSRDelayLayout
from brainevent_core.matrices.dense import Dense
from brainevent_core.matrices.fixed_num import (
    FixedNumConn,
    FixedNumPerPost,
    FixedNumPerPre,
    FixedPostNumConn,
    FixedPreNumConn,
)
from brainevent_core.matrices.generated import (
    JITCMatrix,
    JITCNormalC,
    JITCNormalR,
    JITCScalarC,
    JITCScalarR,
    JITCUniformC,
    JITCUniformR,
)
from brainevent_core.matrices.stored import StoredMatrix

#: The name in the public interface.
DataRepresentation = Matrix

__all__ = [
    "COO",
    "CSC",
    "CSR",
    "CSRDelayLayout",
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
    "Matrix",
    "StoredMatrix",
]
