"""``XLACustomKernel``: the one class with which every primitive is declared."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import _jax, config
from brainevent_core.config import Request
from brainevent_core.errors import KernelCompilationError, KernelFallbackExhaustedError, RegistrationError
from brainevent_core.plugins import get_registry, language_backend, ordered, select
from brainevent_core.plugins.discovery import load_backends
from brainevent_core.primitive.signatures import mismatch
from brainevent_core.primitive.vmap_axes import (
    VmapAxis,
    axes_in_front,
    one_after_the_other,
    over_levels,
    sizes,
    strip,
    sum_unmapped,
)

__all__ = ["XLACustomKernel", "defjvp", "general_batching_rule", "get_all_primitive_names"]

_declared: dict[str, XLACustomKernel] = {}
_declared_lock = threading.Lock()


class _Declined(Exception):
    """A batching rule has returned NotImplemented."""


class XLACustomKernel:
    """A primitive: its meaning in jnp, its rules, and the kernels that any backend may add.

    Declare the shape rule and the reference, then whichever derivatives exist. Rules see operands *without* the
    axes of ``vmap``: batching is derived, for every nesting, and needs no rule.

    Args:
        name: the primitive's name, unique in the process. Declaring a name again replaces the old primitive with a
            warning (notebooks do that); names of brainevent's own primitives are refused.
        tags: words to find it by, see :func:`brainevent.get_primitives_by_tags`.
        overwrites: positions of operands whose memory a kernel may take for its output, see ``in_place`` of
            :meth:`def_kernel`.

    Raises:
        RegistrationError: if the name belongs to a primitive of brainevent.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from brainevent import XLACustomKernel, defjvp
        >>> scale = XLACustomKernel("docs.scale")
        >>> scale.def_abstract_eval(lambda x, *, factor: jax.ShapeDtypeStruct(x.shape, x.dtype))
        >>> scale.def_reference(lambda x, *, factor: x * factor)
        >>> defjvp(scale, lambda x_dot, x, *, factor: scale(x_dot, factor=factor))
        >>> scale.def_transpose_rule(lambda ct, x, *, factor: [scale(ct, factor=factor)])
        >>> jax.jit(jax.grad(lambda x: scale(x, factor=3.0)))(2.0)
        Array(3., dtype=float32)
    """

    def __init__(
        self, name: str, *, tags: Sequence[str] = (), overwrites: Sequence[int] = (), _builtin: bool = False
    ) -> None:
        self.name = name
        self.tags = frozenset(tags)
        self.overwrites = tuple(overwrites)
        self._builtin = _builtin
        self._abstract_eval: Callable[..., Any] | None = None
        self._reference: Callable[..., Any] | None = None
        self._jvp: Callable[..., Any] | None = None
        self._operand_jvps: tuple[Any, ...] | None = None
        self._transpose: Callable[..., Any] | None = None
        self._batching: Callable[..., Any] | None = None
        self._declare()

        self._primitive = _jax.new_primitive(name, self._evaluate, self._infer)
        _jax.set_jvp_rule(self._primitive, self._differentiate)
        _jax.set_transpose_rule(self._primitive, self._transposed)
        _jax.set_batching_rule(self._primitive, self._batch)
        # A rule for each platform, so that a module for several of them selects once for each.
        for platform in (*config.PLATFORMS, None):
            _jax.register_lowering(
                self._primitive, self._lowering_for(platform), platform, cacheable=not self.overwrites
            )

    def __repr__(self) -> str:
        return f"XLACustomKernel({self.name!r})"

    # -- declaring -----------------------------------------------------------------------------------------------

    def def_abstract_eval(self, rule: Callable[..., Any]) -> None:
        """``rule(*avals, **static)`` returns the output's ``jax.ShapeDtypeStruct``, or a sequence of them."""
        for label, other, leading in self._rules_on_operands():
            self._require_fit(label, other, leading, rule)
        old, self._abstract_eval = self._abstract_eval, rule
        self._redeclared(old)

    def def_reference(self, fn: Callable[..., Any]) -> None:
        """``fn(*arrays, **static)`` in jnp: what the primitive means, and what runs where there is no kernel."""
        self._require_fit("reference", fn, 0, self._abstract_eval)
        old, self._reference = self._reference, fn
        self._redeclared(old)

    def def_kernel(
        self,
        backend: str,
        platform: str,
        fn: Callable[..., Any],
        *,
        priority: int = 0,
        supports: Callable[..., bool] | None = None,
        exportable: bool = True,
        batched: bool = False,
        in_place: bool = False,
    ) -> None:
        """Add a kernel, see :meth:`KernelRegistry.register_kernel`.

        Raises:
            RegistrationError: if the backend has one already, or it takes other arguments than the abstract evaluation
                rule.
        """
        if not (batched or in_place):  # those take one argument more
            self._require_fit(f"kernel for {backend!r}", fn, 0, self._abstract_eval)
        get_registry().register_kernel(
            self.name,
            platform,
            fn,
            backend=backend,
            priority=priority,
            supports=supports,
            exportable=exportable,
            batched=batched,
            in_place=in_place,
        )

    def def_numba_kernel(
        self, fn: Callable[..., Any], *, priority: int = 0, supports: Callable[..., bool] | None = None
    ) -> None:
        """Add a kernel in Numba, for CPU.

        Args:
            fn: what ``brainevent.numba_kernel`` has made, for a primitive without static parameters; otherwise a
                generator of such, ``fn(**static, outs=...) → callable(*arrays)``, where ``outs`` is what the abstract
                evaluation rule returned.
            priority: see :meth:`KernelRegistry.register_kernel`.
            supports: ``supports(*avals, **static)``: whether the kernel takes the call.

        Example:
            >>> import jax, jax.numpy as jnp
            >>> from brainevent import XLACustomKernel, numba_kernel
            >>> decay = XLACustomKernel("docs.decay")
            >>> decay.def_abstract_eval(lambda v, *, rate: jax.ShapeDtypeStruct(v.shape, v.dtype))
            >>> decay.def_reference(lambda v, *, rate: rate * v)
            >>> def generate(*, rate, outs):
            ...     @numba_kernel(outs=outs)
            ...     def body(v, out):
            ...         for i in range(v.size):
            ...             out[i] = rate * v[i]
            ...
            ...     return body
            >>> decay.def_numba_kernel(generate)
            >>> decay(jnp.array([1.0, 2.0]), rate=0.5)
            Array([0.5, 1. ], dtype=float32)
        """
        self._def_language_kernel("numba", ("cpu",), "cpu", fn, priority, supports)

    def def_warp_kernel(
        self,
        fn: Callable[..., Any],
        *,
        platform: str = "cuda",
        priority: int = 0,
        supports: Callable[..., bool] | None = None,
    ) -> None:
        """Add a kernel in Warp, for CUDA.

        Args:
            fn: what ``brainevent.warp_kernel`` has made, or a generator of such, see :meth:`def_numba_kernel`.
            platform: "cuda", or "cpu", to try it where there is no GPU.
            priority: see :meth:`KernelRegistry.register_kernel`.
            supports: ``supports(*avals, **static)``: whether the kernel takes the call.

        Raises:
            RegistrationError: if Warp doesn't compile for the platform.

        Example:
            >>> from brainevent import XLACustomKernel
            >>> decay = XLACustomKernel("docs.warp_decay")
            >>> def generate(*, rate, outs):
            ...     import warp as wp
            ...     from brainevent import warp_kernel
            ...
            ...     @warp_kernel(outs=outs)
            ...     def body(v, out):
            ...         i = wp.tid()
            ...         out[i] = rate * v[i]
            ...
            ...     return body
            >>> decay.def_warp_kernel(generate)
        """
        self._def_language_kernel("warp", ("cuda", "cpu"), platform, fn, priority, supports)

    def def_pallas_kernel(
        self,
        fn: Callable[..., Any],
        *,
        platform: str = "tpu",
        priority: int = 0,
        supports: Callable[..., bool] | None = None,
    ) -> None:
        """Add a kernel in Pallas, for TPU or CUDA.

        Args:
            fn: what ``brainevent.pallas_kernel`` has made, or a generator of such, see :meth:`def_numba_kernel`.
            platform: "tpu", "cuda", or "cpu", to try it in Pallas' interpreter.
            priority: see :meth:`KernelRegistry.register_kernel`.
            supports: ``supports(*avals, **static)``: whether the kernel takes the call.

        Raises:
            RegistrationError: if Pallas doesn't compile for the platform.

        Example:
            >>> from brainevent import XLACustomKernel
            >>> decay = XLACustomKernel("docs.pallas_decay")
            >>> def generate(*, rate, outs):
            ...     from brainevent import pallas_kernel
            ...
            ...     @pallas_kernel(outs=outs)
            ...     def body(v, out):
            ...         out[...] = rate * v[...]
            ...
            ...     return body
            >>> decay.def_pallas_kernel(generate, platform="tpu")
            >>> decay.def_pallas_kernel(generate, platform="cuda")
        """
        self._def_language_kernel("pallas", ("tpu", "cuda", "cpu"), platform, fn, priority, supports, exportable=True)

    def _def_language_kernel(
        self,
        language: str,
        platforms: Sequence[str],
        platform: str,
        fn: Callable[..., Any],
        priority: int,
        supports: Callable[..., bool] | None,
        exportable: bool = False,
    ) -> None:
        if platform not in platforms:
            raise RegistrationError(
                f"A kernel of {self.name!r} in {language} can be for {' or '.join(map(repr, platforms))}, "
                f"got platform={platform!r}."
            )
        generated = not getattr(fn, "is_kernel", False)
        made: dict[Any, Callable[..., Any]] = {}

        def kernel(*arrays: Any, **static: Any) -> Any:
            outs = self._outputs([jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays], static)
            outs = list(outs) if isinstance(outs, (tuple, list)) else outs
            if generated:
                # Once for each kind of call: a kernel that is made anew is compiled anew.
                key = (repr(outs), tuple(sorted(static.items())))
                if key not in made:
                    made[key] = fn(**{**static, "outs": outs})
                return made[key](*arrays)
            unknown = sorted(set(static) - {"outs"})
            if unknown:
                raise KernelCompilationError(
                    f"The kernel {fn!r} of {self.name!r} can't be given the static parameters {', '.join(unknown)}: "
                    f"pass def_{language}_kernel a generator, `fn(**static, outs=...)`, that returns it."
                )
            return fn(*arrays, outs=outs)

        def batched(*arrays: Any, batch: tuple[VmapAxis, ...] = (), **static: Any) -> Any:
            # What a kernel does under vmap is its own, its `vmap_method`.
            return over_levels(lambda *unmapped: _as_list(kernel(*unmapped, **static)), batch)(*arrays)

        backend = language_backend(f"{language}_kernel")
        self.def_kernel(
            backend, platform, batched, priority=priority, supports=supports, exportable=exportable, batched=True
        )

    def def_jvp_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(primals, tangents, **static) → (outputs, output tangents)``; zero tangents are symbolic.

        :func:`defjvp` is shorter where the tangents of the operands add up.
        """
        self._require_fit("derivative", rule, 0, lambda primals, tangents, **static: None)
        self._set_jvp(rule, None)

    def def_transpose_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(cotangents, *operands, **static) → cotangents of the operands``, None for those that are known.

        ``jax.interpreters.ad.is_undefined_primal`` tells the linear operands. With one output, ``cotangents`` is
        its cotangent; with several, a list.
        """
        self._require_fit("transpose rule", rule, 1, self._abstract_eval)
        old, self._transpose = self._transpose, rule
        self._redeclared(old)

    def def_batching_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(size, operands, axes, **static) → (outputs, output axes)``, or NotImplemented for the default.

        Only worth having where a mapped axis fits into the primitive itself, as a batch of vectors is a matrix.
        ``axes`` holds 0 or None. :func:`general_batching_rule` makes one call after the other.
        """
        self._require_fit("batching rule", rule, 0, lambda size, operands, axes, **static: None)
        old, self._batching = self._batching, rule
        self._redeclared(old)

    def available_backends(self, platform: str) -> tuple[str, ...]:
        """The backends that have a kernel of this primitive on ``platform``, in the order in which they are tried."""
        load_backends(platform)
        names = [kernel.backend for kernel in ordered(get_registry().kernels(self.name, platform))]
        return (*names, config.REFERENCE) if self._reference else tuple(names)

    def _rules_on_operands(self) -> list[tuple[str, Callable[..., Any], int]]:
        """The rules that are called with the operands: what they are, and how many arguments come before those."""
        found = [("reference", self._reference, 0), ("transpose rule", self._transpose, 1)]
        found += [("derivative", rule, 1) for rule in self._operand_jvps or () if rule is not ...]
        return [(label, rule, leading) for label, rule, leading in found if rule is not None]

    def _require_fit(
        self, label: str, rule: Callable[..., Any], leading: int, caller: Callable[..., Any] | None
    ) -> None:
        """Refuse a rule that can't be called as ``caller`` is, after so many other arguments."""
        if caller is None:
            return
        reason = mismatch(rule, leading, caller)
        if reason is not None:
            expected = f"({', '.join(['...'] * leading + [str(inspect.signature(caller))[1:-1]])})"
            raise RegistrationError(
                f"The {label} of {self.name!r} takes {inspect.signature(rule)}, which does not fit {expected}: "
                f"{reason}. Operands come by position, static parameters by name, to all rules alike."
            )

    def _set_jvp(self, rule: Callable[..., Any] | None, operand_rules: tuple[Any, ...] | None) -> None:
        old = self._jvp or self._operand_jvps
        self._jvp, self._operand_jvps = rule, operand_rules
        self._redeclared(old)

    def _redeclared(self, old: Any) -> None:
        """A rule was replaced: what was compiled with the old one must not live on."""
        if old is not None:
            config.invalidate_compiled()

    def _declare(self) -> None:
        with _declared_lock:
            old = _declared.get(self.name)
            if old is not None:
                if old._builtin:
                    raise RegistrationError(
                        f"{self.name!r} is a primitive of brainevent; choose another name for yours."
                    )
                warnings.warn(f"The primitive {self.name!r} is declared again; the new one is used.", stacklevel=3)
                get_registry().remove(self.name)
            _declared[self.name] = self

    # -- calling -------------------------------------------------------------------------------------------------

    def __call__(self, *arrays: Any, outs: Any = None, backend: str | None = None, **static: Any) -> Any:
        """Apply the primitive.

        Args:
            *arrays: the operands.
            outs: the outputs' shapes and dtypes, if there is no abstract evaluation rule.
            backend: the backend that must run it.
            **static: hashable parameters, passed to every rule and kernel.

        Returns:
            The output, or the list of outputs, as the abstract evaluation rule has it.
        """
        if outs is not None:
            static["outs"] = outs if isinstance(outs, jax.ShapeDtypeStruct) else tuple(outs)
        operands = [_as_operand(array) for array in arrays]
        # Inside shard_map, an operand that is the same on all devices meets ones that are not: said here, so that its
        # cotangent is summed over the devices.
        varying = frozenset[Any]().union(*(_jax.varying_axes(jax.typeof(operand)) for operand in operands))
        operands = [_jax.make_varying(operand, varying) for operand in operands]
        request = config.current_request(backend)
        results = self._primitive.bind(*operands, _levels=(), _request=request, **static)
        single = self._single_output(operands, static)
        return results[0] if single else results

    def _single_output(self, arrays: Sequence[Any], static: dict[str, Any]) -> bool:
        if "outs" in static and self._abstract_eval is None:
            return isinstance(static["outs"], jax.ShapeDtypeStruct)
        avals = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]
        return not isinstance(self._outputs(avals, static), (tuple, list))

    def _outputs(self, avals: Sequence[Any], static: dict[str, Any]) -> Any:
        if self._abstract_eval is not None:
            return self._abstract_eval(*avals, **static)
        if "outs" in static:
            return static["outs"]
        raise RegistrationError(f"{self.name!r} has no abstract evaluation rule: call it with outs=, or declare one.")

    # -- rules, lifted over the mapped axes ------------------------------------------------------------------------

    def _evaluate(self, *operands: Any, **params: Any) -> Any:
        return _jax.apply_primitive(self._primitive, *operands, **params)

    def _infer(self, *avals: Any, _levels: tuple[VmapAxis, ...], _request: Request | None, **static: Any) -> Any:
        outputs = self._outputs(_unmapped(avals, _levels), static)
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        return [_jax.shaped((*sizes(_levels), *out.shape), out.dtype, avals) for out in outputs]

    def _differentiate(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, _levels: Any, _request: Any, **static: Any
    ) -> Any:
        live = [i for i, tangent in enumerate(tangents) if _jax.is_live(tangent)]
        rules = self._tangent_rules(len(primals))
        missing = [i for i in live if self._jvp is None and rules[i] is None]
        if missing:
            raise NotImplementedError(
                f"{self.name!r} has no derivative with respect to operand {missing[0]}. Declare one with defjvp or "
                "def_jvp_rule, or stop the gradient with jax.lax.stop_gradient."
            )

        def tangents_out(*operands: Any) -> Any:
            values, dots = operands[: len(primals)], operands[len(primals) :]
            if self._jvp is None:
                parts = [_as_list(rules[i](dot, *values, **static)) for i, dot in zip(live, dots)]
                return [sum(part[1:], start=part[0]) for part in zip(*parts)]
            symbolic = [_jax.zero_like(value) for value in values]
            for i, dot in zip(live, dots):
                symbolic[i] = dot
            _, out = self._jvp(values, symbolic, **static)
            return [_jax.instantiate_zero(dot) for dot in _as_list(out)]

        outputs = self._primitive.bind(*primals, _levels=_levels, _request=_request, **static)
        if not live:
            return outputs, [_jax.zero_like(out) for out in outputs]
        with config.derived_from(_request):
            dots = over_levels(tangents_out, _levels, follow=live)(*primals, *(tangents[i] for i in live))
        return outputs, dots

    def _tangent_rules(self, operands: int) -> list[Any]:
        """The rules of :func:`defjvp`, one per operand."""
        rules = list(self._operand_jvps or ())
        if ... in rules:
            gap = rules.index(...)
            rules[gap : gap + 1] = [None] * (operands - len(rules) + 1)
        return rules + [None] * (operands - len(rules))

    def _transposed(
        self, cotangents: Sequence[Any], *operands: Any, _levels: Any, _request: Any, **static: Any
    ) -> Sequence[Any]:
        if self._transpose is None:
            raise NotImplementedError(
                f"{self.name!r} has no transpose rule: it is not linear, or none was declared with def_transpose_rule."
            )
        linear = [i for i, operand in enumerate(operands) if _jax.is_undefined_primal(operand)]
        if all(type(ct) is _jax.Zero for ct in cotangents):
            return [None] * len(operands)
        cotangents = [_jax.instantiate_zero(ct) for ct in cotangents]
        shapes = strip(_levels, [op.aval.shape if i in linear else op.shape for i, op in enumerate(operands)])

        def cotangents_in(*values: Any) -> list[Any]:
            operands_, cts = list(values[: len(operands)]), values[len(operands) :]
            for i in linear:
                operands_[i] = _jax.undefined(shapes[i], operands[i].aval.dtype)
            assert self._transpose is not None
            results = self._transpose(cts[0] if len(cts) == 1 else list(cts), *operands_, **static)
            return [_jax.instantiate_zero(results[i]) for i in linear]

        # A linear operand enters the lifted rule as a placeholder: only its mapped axes matter there.
        placeholders = [
            jnp.zeros(op.aval.shape[: axes_in_front(_levels, i)], op.aval.dtype) if i in linear else op
            for i, op in enumerate(operands)
        ]
        lifted = over_levels(cotangents_in, _levels, follow=[-1] * len(cotangents))
        with config.derived_from(_request):
            found = lifted(*placeholders, *cotangents)
        results: list[Any] = [None] * len(operands)
        for i, ct in zip(linear, found):
            results[i] = _jax.sharded_like(sum_unmapped(_levels, i, ct), operands[i].aval)
        return results

    def _batch(
        self, operands: Sequence[Any], axes: Sequence[Any], *, _levels: Any, _request: Any, **static: Any
    ) -> Any:
        size = next(op.shape[axis] for op, axis in zip(operands, axes) if axis is not None)
        mapped = tuple(axis is not None for axis in axes)
        if self._batching is not None:
            try:
                return self._batch_by_rule(size, mapped, operands, axes, _levels, _request, static)
            except _Declined:
                pass
        fronted = [jnp.moveaxis(op, axis, 0) if m else op for op, axis, m in zip(operands, axes, mapped)]
        levels = (VmapAxis(size, mapped), *_levels)
        outputs = self._primitive.bind(*fronted, _levels=levels, _request=_request and _request.for_derived(), **static)
        return outputs, [0] * len(outputs)

    def _batch_by_rule(
        self,
        size: int,
        mapped: tuple[bool, ...],
        operands: Sequence[Any],
        axes: Sequence[Any],
        levels: tuple[VmapAxis, ...],
        request: Request | None,
        static: dict[str, Any],
    ) -> Any:
        """Apply the declared rule inside the existing levels: the new axis goes behind theirs."""
        assert self._batching is not None
        rule = self._batching
        inner = [
            jnp.moveaxis(op, axis, axes_in_front(levels, i)) if mapped[i] else op
            for i, (op, axis) in enumerate(zip(operands, axes))
        ]

        def apply(*values: Any) -> list[Any]:
            result = rule(size, values, [0 if m else None for m in mapped], **static)
            if result is NotImplemented:
                raise _Declined
            outputs, out_axes = _as_list(result[0]), _as_list(result[1])
            return [jnp.moveaxis(out, axis, 0) for out, axis in zip(outputs, out_axes)]

        with config.derived_from(request):
            outputs = over_levels(apply, levels)(*inner)
        return outputs, [len(levels)] * len(outputs)

    # -- lowering ------------------------------------------------------------------------------------------------

    def _lowering_for(self, platform: str | None) -> Callable[..., Any]:
        def lower(ctx: Any, *operands: Any, _levels: Any, _request: Any, **static: Any) -> Any:
            platforms = _jax.lowering_platforms(ctx)
            selection = select(
                self.name,
                # Without a rule of its own a platform shares one with the others that lack one.
                platform or (platforms[0] if len(platforms) == 1 else "any"),
                _unmapped(ctx.avals_in, _levels),
                static,
                request=_request,
                batched=bool(_levels),
                exporting=_jax.exporting(ctx),
                only_platform=len(ctx.module_context.platforms) == 1,
            )
            expected = [(out.shape, out.dtype) for out in ctx.avals_out]
            in_place = selection.kernel is not None and selection.kernel.in_place
            # XLA copies what is overwritten, unless all that reads it must come before.
            after = [found for i in self.overwrites for found in _jax.prior_uses(operands[i])] if in_place else []

            def run(*arrays: Any) -> list[Any]:
                arrays, after = arrays[: len(operands)], arrays[len(operands) :]
                keywords = {**static, "after": after} if in_place else static
                outputs = _as_list(self._implementation(selection.kernel, _levels)(*arrays, **keywords))
                found = [(out.shape, out.dtype) for out in outputs]
                if found != expected:
                    raise KernelCompilationError(
                        f"The kernel of {self.name!r} in backend {selection.backend!r} returned "
                        f"{_describe(found)}, the abstract evaluation rule says {_describe(expected)}."
                    )
                return outputs

            return _jax.lower(run, ctx, *operands, further=after)

        return lower

    def _implementation(self, kernel: Any, levels: tuple[VmapAxis, ...]) -> Callable[..., Any]:
        if kernel is not None:
            if not kernel.batched:
                return kernel.fn
            return lambda *arrays, **static: kernel.fn(*arrays, batch=levels, **static)
        if self._reference is not None:
            reference = self._reference

            def run(*arrays: Any, **static: Any) -> Any:
                outputs = over_levels(lambda *unmapped: _as_list(reference(*unmapped, **static)), levels)(*arrays)
                # As opaque to XLA as a kernel: fused with what surrounds it, the reference would round differently from
                # every kernel, and a chaotic network would leave its trajectory within milliseconds.
                return jax.lax.optimization_barrier(outputs)

            return run
        raise KernelFallbackExhaustedError(
            f"No kernel of {self.name!r} accepts this call, and it has no reference. Declare one with def_reference, "
            "or install a backend that has a kernel (`python -m brainevent info` lists them)."
        )


def defjvp(kernel: XLACustomKernel, *rules: Any) -> None:
    """Declare one tangent rule per operand: ``rule(tangent, *primals, **static) → output tangent(s)``.

    The contributions of the operands add up. None marks an operand without derivative, where a live tangent is an
    error, never a silent zero; ``...`` stands for any number of those.

    Raises:
        RegistrationError: if a rule takes other operands or static parameters than the abstract evaluation rule.
    """
    for rule in rules:
        if rule is not None and rule is not ...:
            kernel._require_fit("derivative", rule, 1, kernel._abstract_eval)
    kernel._set_jvp(None, rules)


def general_batching_rule(prim: Any, args: Sequence[Any], axes: Sequence[int | None], **static: Any) -> tuple[Any, Any]:
    """Batch any primitive by one call for each element of the batch, one after the other in a compiled loop.

    A primitive needs none: what it does under ``vmap`` is derived from its reference and its kernels.

    Args:
        prim: an :class:`XLACustomKernel`, or a primitive of JAX.
        args: the operands.
        axes: the mapped axis of each operand, None for those that aren't mapped.
        **static: passed on.

    Returns:
        The outputs and their mapped axes, as rules of batching return them.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from brainevent import XLACustomKernel, general_batching_rule
        >>> total = XLACustomKernel("docs.total")
        >>> total.def_abstract_eval(lambda x: jax.ShapeDtypeStruct((), x.dtype))
        >>> total.def_reference(lambda x: x.sum())
        >>> total.def_batching_rule(lambda size, args, axes: general_batching_rule(total, args, axes))
        >>> jax.vmap(total)(jnp.ones((2, 3)))
        Array([3., 3.], dtype=float32)
    """
    mapped = [axis is not None for axis in axes]
    fronted = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(args, axes, strict=True)]
    call = prim if isinstance(prim, XLACustomKernel) else prim.bind
    outputs = one_after_the_other(lambda *one: call(*one, **static), mapped, fronted)
    return outputs, jax.tree.map(lambda _: 0, outputs)


def get_all_primitive_names() -> list[str]:
    """The names of all declared primitives, sorted."""
    return sorted(_declared)


def get_primitives_by_tags(*tags: str | Iterable[str]) -> list[str]:
    """The names of the primitives that have all of ``tags``, sorted; a set of tags can stand for its elements."""
    wanted = {tag for one in tags for tag in ((one,) if isinstance(one, str) else one)}
    return sorted(name for name, kernel in _declared.items() if kernel.tags >= wanted)


def get_primitive(name: str) -> XLACustomKernel:
    """The primitive of that name; KeyError if there is none."""
    return _declared[name]


def _unmapped(avals: Sequence[Any], levels: Sequence[VmapAxis]) -> list[Any]:
    shapes = strip(levels, [aval.shape for aval in avals])
    return [jax.ShapeDtypeStruct(shape, aval.dtype) for shape, aval in zip(shapes, avals)]


def _as_operand(array: Any) -> Any:
    events = getattr(array, "__event_spec__", None)
    return jnp.asarray(array if events is None else events.decoded())


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _describe(outputs: Sequence[tuple[Any, Any]]) -> str:
    return ", ".join(f"{dtype}[{','.join(map(str, shape))}]" for shape, dtype in outputs)
