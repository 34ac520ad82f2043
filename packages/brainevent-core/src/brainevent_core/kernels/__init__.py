"""How a primitive is declared: :class:`XLACustomKernel`, ours and users' alike."""

from brainevent_core.kernels.custom_kernel import (
    XLACustomKernel,
    defjvp,
    general_batching_rule,
    get_all_primitive_names,
    get_primitive,
    get_primitives_by_tags,
)
from brainevent_core.kernels.language import LanguageKernel, abstract
from brainevent_core.kernels.levels import Level

__all__ = [
    "LanguageKernel",
    "Level",
    "XLACustomKernel",
    "abstract",
    "defjvp",
    "general_batching_rule",
    "get_all_primitive_names",
    "get_primitive",
    "get_primitives_by_tags",
]
