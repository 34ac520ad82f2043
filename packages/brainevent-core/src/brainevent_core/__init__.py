"""The core of brainevent: data structures, primitives, reference kernels, and the registry of backends.

Users import :mod:`brainevent`, which re-exports this package's public names; backend packages import this one.
"""

from typing import TYPE_CHECKING, Any

from brainevent_core import config, functional
from brainevent_core.config import use_backend
from brainevent_core.deprecated import look_up as _look_up
from brainevent_core.differentiation import grad, value_and_grad
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
from brainevent_core.index_conversions import (
    coo2csr,
    coo_to_csc_index,
    csc_to_csr_index,
    csr_to_coo_index,
    csr_to_csc_index,
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
from brainevent_core.plugins import kernel_language as _kernel_language
from brainevent_core.primitive import (
    XLACustomKernel,
    defjvp,
    general_batching_rule,
    get_all_primitive_names,
    get_primitives_by_tags,
)

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
    "coo2csr",
    "coo_to_csc_index",
    "csc_to_csr_index",
    "csr_to_coo_index",
    "csr_to_csc_index",
    "defjvp",
    "general_batching_rule",
    "get_all_primitive_names",
    "get_primitives_by_tags",
    "get_registry",
    "grad",
    "matmul",
    "refresh_backends",
    "use_backend",
    "value_and_grad",
]
__all__ += functional.__all__


if not TYPE_CHECKING:  # type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        language = _kernel_language(name)
        return _look_up(name, __name__) if language is None else language
