"""The only file that touches JAX's internals.

Everything here was run on jax 0.8.0, 0.10.2 and 0.12.0. Public spellings are used where they exist.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax._src.dispatch import apply_primitive  # the eager rule that also works under jax.disable_jit
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

__all__ = [
    "JitKey",
    "Primitive",
    "UndefinedPrimal",
    "Zero",
    "apply_primitive",
    "exporting",
    "instantiate_zero",
    "is_live",
    "is_undefined_primal",
    "lower_fun",
    "lowering_platforms",
    "new_primitive",
    "register_lowering",
    "set_batching_rule",
    "set_jvp_rule",
    "set_transpose_rule",
    "undefined",
    "x64_enabled",
    "zero_like",
]

Zero = ad.Zero
UndefinedPrimal = ad.UndefinedPrimal
is_undefined_primal = ad.is_undefined_primal
lower_fun = mlir.lower_fun


class JitKey:
    """A value that is part of the cache key of every ``jax.jit``: change it, and cached functions retrace.

    ``key.value`` reads it, ``with key(new):`` sets it for this thread, ``key.set_global(new)`` for all threads.
    """

    def __init__(self, default: Any) -> None:
        self._context: Any = jax.make_user_context(default)

    @property
    def value(self) -> Any:
        return self._context.value

    def __call__(self, value: Any) -> Any:
        return self._context(value)

    def set_global(self, value: Any) -> None:
        # jax < 0.9 has no public set_global; the wrapped object has had it all along.
        getattr(self._context, "set_global", self._context._obj.set_global)(value)


def new_primitive(name: str, impl: Callable[..., Any], abstract_eval: Callable[..., Any]) -> Primitive:
    """A primitive with several results, an eager rule and an abstract evaluation rule."""
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(impl)
    primitive.def_abstract_eval(abstract_eval)
    return primitive


def set_jvp_rule(primitive: Primitive, rule: Callable[..., Any]) -> None:
    ad.primitive_jvps[primitive] = rule


def set_transpose_rule(primitive: Primitive, rule: Callable[..., Any]) -> None:
    ad.primitive_transposes[primitive] = rule


def set_batching_rule(primitive: Primitive, rule: Callable[..., Any]) -> None:
    batching.primitive_batchers[primitive] = rule


def register_lowering(primitive: Primitive, rule: Callable[..., Any], platform: str | None) -> None:
    """Register ``rule`` for ``platform`` (None: every platform without a rule of its own)."""
    mlir.register_lowering(primitive, rule, platform=platform)


def lowering_platforms(ctx: Any) -> tuple[str, ...]:
    """The platforms that the module under construction is for."""
    return tuple(ctx.platforms or ctx.module_context.platforms)


def exporting(ctx: Any) -> bool:
    """Whether the module is being built for ``jax.export``."""
    return bool(ctx.module_context.lowering_parameters.for_export)


def instantiate_zero(tangent: Any) -> Any:
    return ad.instantiate_zeros(tangent)


def x64_enabled() -> bool:
    """Whether JAX keeps 64-bit numbers here and now."""
    enabled: Any = jax.config
    return bool(enabled.jax_enable_x64)


def zero_like(value: Any) -> Zero:
    """The symbolic zero tangent of ``value``."""
    return Zero(jax.typeof(value).to_tangent_aval())


def is_live(tangent: Any) -> bool:
    """Whether a tangent carries information: it is not a symbolic zero and not of dtype float0."""
    return type(tangent) is not Zero and getattr(tangent, "dtype", None) != jax.dtypes.float0


def undefined(shape: Sequence[int], dtype: Any) -> UndefinedPrimal:
    """A linear operand that a transpose rule has to produce the cotangent of."""
    return UndefinedPrimal(jax.core.ShapedArray(tuple(shape), np.dtype(dtype)))
