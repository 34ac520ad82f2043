"""The only file that touches JAX's internals.

Everything here was run with jax 0.8.0, 0.10.2 and 0.12.0. Public names are used if they exist. Internals that only make
something faster, or that only Pallas needs, can be missing from a later JAX: code that uses them works without them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

try:
    from jax._src.config import _check_vma  # what `shard_map(check_vma=)` sets
except ImportError:
    _check_vma = nullcontext  # type: ignore[assignment]

try:
    from jax._src.dispatch import apply_primitive  # the eager rule that also works under jax.disable_jit
except ImportError:

    @cache
    def _jitted(primitive: Primitive, params: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
        return jax.jit(partial(primitive.bind, **dict(params)))

    def apply_primitive(primitive: Primitive, *operands: Any, **params: Any) -> Any:  # type: ignore[misc]
        """The primitive, compiled and run."""
        return _jitted(primitive, tuple(sorted(params.items())))(*operands)


__all__ = [
    "INLINED",
    "JitKey",
    "Primitive",
    "UndefinedPrimal",
    "Zero",
    "apply_primitive",
    "evaluate",
    "explicit_mesh",
    "exporting",
    "instantiate_zero",
    "is_live",
    "is_undefined_primal",
    "lower",
    "lowering_platforms",
    "make_varying",
    "manual_axes",
    "new_primitive",
    "partition",
    "partitioned",
    "prior_uses",
    "register_lowering",
    "replicate",
    "replicated",
    "set_batching_rule",
    "set_jvp_rule",
    "set_transpose_rule",
    "shaped",
    "sharded_like",
    "trace",
    "undefined",
    "varying_axes",
    "x64_enabled",
    "zero_like",
]

#: ``inline=`` of :func:`jax.jit` for functions that are inlined into the calling program while it is traced. Since JAX
#: 0.12, True inlines a function only after it was lowered separately, where other uses of a value in the program are
#: not visible, so that an array that is overwritten in place is copied first (:func:`prior_uses`).
INLINED: Any = getattr(jax, "Inline").JAX_EARLY if hasattr(jax, "Inline") else True  # noqa: B009

_P = ParamSpec("_P")
_R = TypeVar("_R")

Zero = ad.Zero
UndefinedPrimal = ad.UndefinedPrimal
is_undefined_primal = ad.is_undefined_primal


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
        # jax < 0.9 has no public set_global, but the wrapped object has it.
        context = self._context if hasattr(self._context, "set_global") else self._context._obj
        context.set_global(value)


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


def register_lowering(
    primitive: Primitive, rule: Callable[..., Any], platform: str | None, *, cacheable: bool = True
) -> None:
    """Register ``rule`` for ``platform`` (None: every platform without a rule of its own).

    The result of a cacheable rule is reused for the same abstract operands; a rule that is not cacheable gets the
    operands themselves, see :func:`prior_uses`.
    """
    mlir.register_lowering(primitive, rule, platform=platform, cacheable=cacheable)


def trace(fn: Callable[..., Any], avals: Sequence[Any]) -> tuple[Any, list[Any]]:
    """``fn`` as a program on arrays, and the arrays that it closes over, which can be tracers."""
    # Without a mesh, because the program is also evaluated on other meshes, such as inside shard_map.
    with jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), ())):
        closed = jax.make_jaxpr(fn)(*avals)
    return closed.jaxpr, list(closed.consts)


def evaluate(program: Any, closed_over: Sequence[Any], *arrays: Any) -> list[Any]:
    """Evaluate a program of :func:`trace`, with the arrays that it closes over."""
    return list(jaxpr_as_fun(ClosedJaxpr(program, list(closed_over)))(*arrays))


def lowering_platforms(ctx: Any) -> tuple[str, ...]:
    """The platforms of the module under construction."""
    return tuple(ctx.platforms or ctx.module_context.platforms)


def exporting(ctx: Any) -> bool:
    """Whether the module is being built for ``jax.export``."""
    return bool(ctx.module_context.lowering_parameters.for_export)


def partitioned(ctx: Any) -> bool:
    """Whether XLA will partition the call being lowered: the module is for several devices, and the call is not inside
    a ``shard_map`` over all axes."""
    context = ctx.module_context.axis_context
    mesh = getattr(context, "mesh", None)
    if mesh is not None:
        manual = frozenset(context.manual_axes) | frozenset(getattr(mesh, "manual_axes", ()))
        return manual != frozenset(mesh.axis_names) and bool(manual or mesh.size > 1)
    return (getattr(context, "num_devices", None) or 1) > 1


def instantiate_zero(tangent: Any) -> Any:
    return ad.instantiate_zeros(tangent)


def x64_enabled() -> bool:
    """Whether JAX's 64-bit mode is on, in the current context."""
    enabled: Any = jax.config
    return bool(enabled.jax_enable_x64)


def zero_like(value: Any) -> Zero:
    """The symbolic zero tangent of ``value``."""
    return Zero(jax.typeof(value).to_tangent_aval())


def is_live(tangent: Any) -> bool:
    """Whether a tangent carries information: it is not a symbolic zero and not of dtype float0."""
    return type(tangent) is not Zero and getattr(tangent, "dtype", None) != jax.dtypes.float0


def varying_axes(aval: Any) -> frozenset[Any]:
    """The mesh axes over which a value inside ``shard_map`` differs from device to device."""
    manual = getattr(aval, "mat", None)  # jax >= 0.9
    return manual.varying if manual is not None else getattr(aval, "vma", frozenset())


def manual_axes() -> tuple[Any, ...]:
    """The mesh axes over which the current program runs inside ``shard_map``, device by device."""
    mesh: Any = jax.sharding.get_abstract_mesh()
    return tuple(mesh.manual_axes)


def make_varying(x: Any, axes: frozenset[Any]) -> Any:
    """``x`` as a value that varies over ``axes`` as well; the transpose of this is a sum over them."""
    missing = tuple(axes - varying_axes(jax.typeof(x)))
    if not missing:
        return x
    lax: Any = jax.lax
    return lax.pcast(x, missing, to="varying") if hasattr(lax, "pcast") else lax.pvary(x, missing)


def shaped(shape: Sequence[int], dtype: Any, operands: Sequence[Any] = (), split: Any = None) -> Any:
    """An abstract array. Inside ``shard_map``, it varies over the mesh axes over which any of the operands varies.
    Outside, ``split`` is its mesh and partition spec."""
    shaped_array: Any = jax.core.ShapedArray
    axes = frozenset[Any]().union(*map(varying_axes, operands))
    if not axes:
        options = {} if split is None else {"sharding": jax.sharding.NamedSharding(*split)}
        return shaped_array(tuple(shape), np.dtype(dtype), **options)
    like = next(aval for aval in operands if varying_axes(aval))
    unsharded = jax.sharding.NamedSharding(like.sharding.mesh, jax.sharding.PartitionSpec(*(None for _ in shape)))
    manual = {"manual_axis_type": type(like.mat)(varying=axes)} if hasattr(like, "mat") else {"vma": axes}
    return shaped_array(tuple(shape), np.dtype(dtype), sharding=unsharded, **manual)


def explicit_mesh(avals: Sequence[Any]) -> Any:
    """The mesh with explicit axes over which any of the abstract arrays is split; None if there is none."""
    return next((aval.sharding.mesh for aval in avals if partition(aval)), None)


def partition(aval: Any) -> tuple[Any, ...]:
    """The explicit mesh axes over which each axis of an abstract array is split; empty if none is split."""
    sharding: Any = getattr(aval, "sharding", None)
    spec = tuple(sharding.spec) if _has_explicit_axes(sharding) else ()
    return spec if any(spec) else ()


def sharded_like(x: Any, aval: Any) -> Any:
    """``x`` with the sharding of ``aval``, if a mesh with explicit axes makes it part of the type."""
    wanted = getattr(aval, "sharding", None)
    if not _has_explicit_axes(wanted):
        return x
    return x if jax.typeof(x).sharding == wanted else jax.sharding.reshard(x, wanted)


def replicate(tree: Any) -> Any:
    """The arrays of a pytree, replicated on every device if they are split over a mesh with explicit axes.

    JAX can't determine the sharding of the result of a gather or a scatter, and raises an error.
    """
    leaves, structure = jax.tree.flatten(tree)
    if not any(map(_is_split, leaves)):
        return tree  # the same object, for comparisons by identity
    return jax.tree.unflatten(structure, [_whole(leaf) if _is_split(leaf) else leaf for leaf in leaves])


def replicated(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator: the function gets all its arguments replicated, see :func:`replicate`."""

    @wraps(function)
    def on_gathered(*arguments: _P.args, **options: _P.kwargs) -> _R:
        whole, named = replicate((arguments, options))
        return function(*whole, **named)

    return on_gathered


def _is_split(x: Any) -> bool:
    return isinstance(x, jax.Array) and bool(partition(jax.typeof(x)))


def _has_explicit_axes(sharding: Any) -> bool:
    return sharding is not None and jax.sharding.AxisType.Explicit in sharding.mesh.axis_types


def _whole(x: Any) -> Any:
    mesh = jax.typeof(x).sharding.mesh
    return jax.sharding.reshard(x, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


def lower(fn: Callable[..., Any], ctx: Any, *operands: Any, further: Sequence[Any] = ()) -> Any:
    """Lower a traceable function in place of a primitive. Inside ``shard_map``, it gets plain arrays: its result is
    for one device, and varying axes were determined when the primitive was bound.

    Args:
        fn: takes the operands, then the values ``further``.
        ctx: context of the lowering rule.
        operands: operands of the primitive.
        further: other values of the program under construction, as returned by :func:`prior_uses`.
    """
    avals = [*ctx.avals_in, *map(_aval_of, further)]
    plain = [shaped(aval.shape, aval.dtype) for aval in avals]
    with _check_vma(False):  # Pallas reads this setting, not only the operands' axes
        return mlir.lower_fun(fn, multiple_results=True)(ctx.replace(avals_in=plain), *operands, *further)


#: Operations whose result is always written to memory. Others are fused with operations that use the result.
_OPAQUE = ("custom_call", "dot_general", "call", "case", "if", "while")


def prior_uses(value: Any) -> list[Any]:
    """The results that the program under construction has computed from ``value`` so far, in the same block.

    Of operations that are fused, only results that are smaller than ``value``, because larger ones would have to be
    written to memory. Empty if this JAX doesn't expose its program: XLA then copies ``value`` before it is overwritten.
    """
    try:
        return _prior_uses(value)
    except (AttributeError, TypeError, ImportError):
        return []


def _prior_uses(value: Any) -> list[Any]:
    block, whole = mlir.ir.InsertionPoint.current.block, _aval_of(value)
    found: list[Any] = []
    pending, seen = [] if whole is None else _in_other_shapes(value), set()
    while pending:
        for operation in _users(pending.pop(), block):
            if operation in seen:
                continue
            seen.add(operation)
            opaque = operation.name.rpartition(".")[2] in _OPAQUE
            for result in operation.results:
                aval = _aval_of(result)
                if aval is None:
                    continue
                if opaque or aval.size < whole.size:
                    found.append(result)
                else:
                    pending.append(result)
    return found


def _in_other_shapes(value: Any) -> list[Any]:
    """A value, and the values of which it is a reshape, which share its memory."""
    found = [value]
    while isinstance(found[-1].owner, mlir.ir.Operation | mlir.ir.OpView):
        operation = found[-1].owner.operation
        if operation.name.rpartition(".")[2] != "reshape":
            break
        found.append(operation.operands[0])
    return found


def _users(value: Any, block: Any) -> Iterator[Any]:
    """The operations of a block that use ``value``, or have a region in which it is used."""
    for use in value.uses:
        operation = use.owner.operation
        while operation is not None and operation.block != block:
            parent = operation.parent
            operation = None if parent is None else parent.operation
        if operation is not None:
            yield operation


def _aval_of(value: Any) -> Any:
    """The abstract array of a value; None if it is not an array of static shape."""
    try:
        tensor = mlir.ir.RankedTensorType(value.type)
    except (TypeError, ValueError):
        return None
    dtype = _DTYPES.get(str(tensor.element_type))
    return None if dtype is None or not tensor.has_static_shape else shaped(tensor.shape, dtype)


#: dtypes by their names in a program.
_DTYPES = {
    "i1": np.dtype(bool),
    "bf16": jax.numpy.dtype("bfloat16"),
    **{f"f{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    **{f"i{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
}


def undefined(shape: Sequence[int], dtype: Any) -> UndefinedPrimal:
    """A linear operand whose cotangent a transpose rule must return."""
    return UndefinedPrimal(jax.core.ShapedArray(tuple(shape), np.dtype(dtype)))
