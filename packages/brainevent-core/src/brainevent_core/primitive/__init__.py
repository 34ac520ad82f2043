"""Declaration of primitives, built-in and user-defined: :class:`XLACustomKernel`."""

from brainevent_core.primitive.catalogue import get_all_primitive_names, get_primitive, get_primitives_by_tags
from brainevent_core.primitive.language import LanguageKernel, abstract
from brainevent_core.primitive.primitive import XLACustomKernel, defjvp
from brainevent_core.primitive.vmap_axes import VmapAxis, general_batching_rule

__all__ = [
    "LanguageKernel",
    "VmapAxis",
    "XLACustomKernel",
    "abstract",
    "defjvp",
    "general_batching_rule",
    "get_all_primitive_names",
    "get_primitive",
    "get_primitives_by_tags",
]
