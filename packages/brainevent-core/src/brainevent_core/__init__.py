"""The core of brainevent: data structures, primitives, reference kernels, and the registry of backends.

Users import :mod:`brainevent`, which re-exports this package's public names; backend packages import this one.
"""

from brainevent_core import config, functional
from brainevent_core.config import use_backend
from brainevent_core.errors import (
    BackendWarning,
    BrainEventError,
    DTypeError,
    KernelCompilationError,
    KernelFallbackExhaustedError,
    KernelNotAvailableError,
    MathError,
    RegistrationError,
    StructureError,
    UnsupportedOperationError,
)
from brainevent_core.events import (
    BinaryArray,
    BitPackedBinary,
    CompactBinary,
    EventArray,
    EventRepresentation,
    MaskedFloat,
    SparseFloat,
    bitpack,
)
from brainevent_core.functional import *
from brainevent_core.kernels import (
    XLACustomKernel,
    defjvp,
    get_all_primitive_names,
    get_primitives_by_tags,
)
from brainevent_core.matrices import (
    COO,
    CSC,
    CSR,
    DataRepresentation,
    Dense,
    FixedNumConn,
    FixedNumPerPost,
    FixedNumPerPre,
    FixedPostNumConn,
    FixedPreNumConn,
    JITCMatrix,
    JITCNormalC,
    JITCNormalR,
    JITCScalarC,
    JITCScalarR,
    JITCUniformC,
    JITCUniformR,
)
from brainevent_core.ops import matmul
from brainevent_core.plugins import Backend, get_registry, refresh_backends

__version__ = "1.0.0"

__all__ = [
    "COO",
    "CSC",
    "CSR",
    "Backend",
    "BackendWarning",
    "BinaryArray",
    "BitPackedBinary",
    "BrainEventError",
    "CompactBinary",
    "DTypeError",
    "DataRepresentation",
    "Dense",
    "EventArray",
    "EventRepresentation",
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
    "KernelCompilationError",
    "KernelFallbackExhaustedError",
    "KernelNotAvailableError",
    "MaskedFloat",
    "MathError",
    "RegistrationError",
    "SparseFloat",
    "StructureError",
    "UnsupportedOperationError",
    "XLACustomKernel",
    "__version__",
    "bitpack",
    "config",
    "defjvp",
    "get_all_primitive_names",
    "get_primitives_by_tags",
    "get_registry",
    "matmul",
    "refresh_backends",
    "use_backend",
]
__all__ += functional.__all__
