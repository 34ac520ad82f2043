"""The core of brainevent: data structures, primitives, reference kernels, and the registry of backends.

Users import :mod:`brainevent`, which re-exports this package's public names. Backend packages import this one.
"""

from typing import TYPE_CHECKING, Any

from brainevent_core import config, connect, sharding
from brainevent_core.config import use_backend
from brainevent_core.deprecated import look_up as _look_up
from brainevent_core.differentiation import grad, value_and_grad, weights, with_weights
from brainevent_core.errors import (
    BackendWarning,
    BrainEventError,
    DTypeError,
    KernelBuildError,
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
    WeightedArray,
    bitpack,
)
from brainevent_core.functional.coo import *
from brainevent_core.functional.csr import *
from brainevent_core.functional.delays import *
from brainevent_core.functional.dense import *
from brainevent_core.functional.dt2t import *
from brainevent_core.functional.fcn import *
from brainevent_core.functional.jitc_normal import *
from brainevent_core.functional.jitc_scalar import *
from brainevent_core.functional.jitc_uniform import *
from brainevent_core.functional.plasticity import *
from brainevent_core.functional.rules import *
from brainevent_core.functional.sddmm import *
from brainevent_core.functional.slicing import *
from brainevent_core.index_conversions import (
    coo2csr,
    coo_to_csc_index,
    csc_to_csr_index,
    csr_to_coo_index,
    csr_to_csc_index,
)
from brainevent_core.interchange import Edges, from_bcoo, from_bcsr, from_edges, from_scipy, from_sonata, load, save
from brainevent_core.matrices import (
    COO,
    CSC,
    CSR,
    CSRDelayLayout,
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
from brainevent_core.ring import DelayRing, steps

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
    "CSRDelayLayout",
    "CompactBinary",
    "DTypeError",
    "DataRepresentation",
    "DelayRing",
    "Dense",
    "Edges",
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
    "KernelBuildError",
    "KernelCompilationError",
    "KernelFallbackExhaustedError",
    "KernelNotAvailableError",
    "MaskedFloat",
    "MathError",
    "RegistrationError",
    "SparseFloat",
    "StructureError",
    "UnsupportedOperationError",
    "WeightedArray",
    "XLACustomKernel",
    "__version__",
    "binary_coomm",
    "binary_coomv",
    "binary_csrmm",
    "binary_csrmv",
    "binary_densemm",
    "binary_densemv",
    "binary_fcnmm",
    "binary_fcnmv",
    "binary_jitnmm",
    "binary_jitnmv",
    "binary_jitsmm",
    "binary_jitsmv",
    "binary_jitumm",
    "binary_jitumv",
    "bitpack",
    "config",
    "connect",
    "coo2csr",
    "coo_sddmm",
    "coo_to_csc_index",
    "coomm",
    "coomm_dt2t",
    "coomv",
    "coomv_dt2t",
    "csc_to_csr_index",
    "cscmm_dt2t",
    "cscmv_dt2t",
    "csr_apply_on_post",
    "csr_apply_on_pre",
    "csr_delay_deliver",
    "csr_delay_deliver_layout",
    "csr_sddmm",
    "csr_slice_rows",
    "csr_to_coo_index",
    "csr_to_csc_index",
    "csrmm",
    "csrmm_dt2t",
    "csrmv",
    "csrmv_dt2t",
    "defjvp",
    "densemm",
    "densemm_dt2t",
    "densemv",
    "densemv_dt2t",
    "fcn_sddmm",
    "fcnmm",
    "fcnmm_dt2t",
    "fcnmv",
    "fcnmv_dt2t",
    "from_bcoo",
    "from_bcsr",
    "from_edges",
    "from_scipy",
    "from_sonata",
    "general_batching_rule",
    "get_all_primitive_names",
    "get_primitives_by_tags",
    "get_registry",
    "grad",
    "jitn",
    "jitnmm",
    "jitnmv",
    "jits",
    "jitsmm",
    "jitsmv",
    "jitu",
    "jitumm",
    "jitumv",
    "load",
    "matmul",
    "refresh_backends",
    "save",
    "sharding",
    "steps",
    "update_coo_on_binary_post",
    "update_coo_on_binary_pre",
    "update_csc_on_binary_post",
    "update_csc_on_binary_pre",
    "update_csr2csc_on_binary_post",
    "update_csr_on_binary_post",
    "update_csr_on_binary_pre",
    "update_dense_on_binary_post",
    "update_dense_on_binary_pre",
    "update_fixed_post_conn_on_binary_pre",
    "update_fixed_pre_conn_on_binary_post",
    "use_backend",
    "value_and_grad",
    "weights",
    "with_weights",
]


if not TYPE_CHECKING:  # type checkers would accept any name as one of these

    def __getattr__(name: str) -> Any:
        language = _kernel_language(name)
        return _look_up(name, __name__) if language is None else language

    def __dir__() -> list[str]:
        # For completion: public names, and the modules that `import brainevent` imports.
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
