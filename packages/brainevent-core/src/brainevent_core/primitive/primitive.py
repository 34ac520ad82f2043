"""``XLACustomKernel``: the one class with which every primitive is declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import _jax, config
from brainevent_core.plugins import get_registry, ordered
from brainevent_core.plugins.discovery import load_backends
from brainevent_core.primitive import catalogue, lifting
from brainevent_core.primitive.language_methods import LanguageMethods
from brainevent_core.primitive.lowering import lowering_rule
from brainevent_core.primitive.rules import RESERVED, Rules, require_free_names

__all__ = ["XLACustomKernel", "defjvp"]


class XLACustomKernel(LanguageMethods):
    """A primitive: its definition in jnp, its rules, and the kernels that any backend can add.

    Declare the abstract evaluation rule and the reference, then the derivatives. Rules get operands *without* the
    axes of ``vmap``: batching is derived for every nesting and needs no rule. For each kernel language of a backend
    there is a method ``def_<language>_kernel``, see :meth:`def_language_kernel`.

    Args:
        name: the primitive's name, unique in the process. Declaring a name again replaces the old primitive with a
            warning, which is useful in notebooks; names of brainevent's own primitives can't be used.
        tags: words for searching, see :func:`brainevent.get_primitives_by_tags`.
        overwrites: positions of operands whose memory a kernel may use for its output, see ``in_place`` of
            :meth:`def_kernel`; or a function of the static parameters, ``overwrites(**static)``, that returns them.

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
        self,
        name: str,
        *,
        tags: Sequence[str] = (),
        overwrites: Sequence[int] | Callable[..., Sequence[int]] = (),
        _builtin: bool = False,
    ) -> None:
        self.name = name
        self.tags = frozenset(tags)
        self.overwrites = overwrites if callable(overwrites) else tuple(overwrites)
        self.builtin = _builtin
        self.rules = Rules()
        catalogue.declare(self, stacklevel=2)

        self.primitive = _jax.new_primitive(name, self._evaluate, partial(lifting.abstract_eval, self))
        _jax.set_jvp_rule(self.primitive, partial(lifting.jvp, self))
        _jax.set_transpose_rule(self.primitive, partial(lifting.transpose, self))
        _jax.set_batching_rule(self.primitive, partial(lifting.batch, self))
        # A rule for each platform, so that a module for several platforms selects a kernel for each. JAX 0.10 can't
        # choose between rules that aren't cacheable: in this case, a module for several platforms uses the reference.
        for platform in (None,) if self.overwrites else (*config.PLATFORMS, None):
            _jax.register_lowering(
                self.primitive, lowering_rule(self, platform), platform, cacheable=not self.overwrites
            )

    def __repr__(self) -> str:
        return f"XLACustomKernel({self.name!r})"

    # -- calling -------------------------------------------------------------------------------------------------

    def __call__(self, /, *arrays: Any, outs: Any = None, backend: str | None = None, **static: Any) -> Any:
        """Apply the primitive.

        Args:
            *arrays: the operands.
            outs: the outputs' shapes and dtypes, if there is no abstract evaluation rule.
            backend: name of the backend that must run it.
            **static: hashable parameters, passed to every rule and kernel.

        Returns:
            The output, or the list of outputs, as declared by the abstract evaluation rule.

        Raises:
            RegistrationError: if a static parameter has a reserved name, or the outputs are not declared.
        """
        if not RESERVED.keys().isdisjoint(static):
            require_free_names(self.name, "A call of", static)
        if outs is not None:
            static["outs"] = outs if isinstance(outs, jax.ShapeDtypeStruct) else tuple(outs)
        operands = [_as_operand(array) for array in arrays]
        # Inside shard_map, replicated operands are marked as varying if any operand varies, so that their cotangents
        # are summed over the devices.
        varying = frozenset[Any]().union(*(_jax.varying_axes(jax.typeof(operand)) for operand in operands))
        operands = [_jax.make_varying(operand, varying) for operand in operands]
        request = config.current_request(backend)
        results = self.primitive.bind(*operands, _vmap_axes=(), _request=request, **static)
        expected = self.rules.outputs(self.name, [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in operands], static)
        return results if isinstance(expected, (tuple, list)) else results[0]

    def overwritten(self, static: dict[str, Any]) -> tuple[int, ...]:
        """The positions of the operands that a kernel may overwrite, for a call with these static parameters."""
        return tuple(self.overwrites(**static)) if callable(self.overwrites) else self.overwrites

    def _evaluate(self, /, *operands: Any, **params: Any) -> Any:
        return _jax.apply_primitive(self.primitive, *operands, **params)

    def available_backends(self, platform: str) -> tuple[str, ...]:
        """The backends with a kernel of this primitive on ``platform``, in the order in which they are tried, including
        those with a kernel that runs on request."""
        load_backends(platform)
        names = [kernel.backend for kernel in ordered(get_registry().kernels(self.name, platform))]
        return (*names, config.REFERENCE) if self.rules.reference else tuple(names)

    # -- declaring rules -----------------------------------------------------------------------------------------

    def def_abstract_eval(self, rule: Callable[..., Any]) -> None:
        """``rule(*avals, **static)`` returns the output's ``jax.ShapeDtypeStruct``, or a sequence of them.

        Raises:
            RegistrationError: as for every declaration, if rules have different operands or static parameters, or a
                static parameter has a reserved name, such as ``backend``.
        """
        self.declare(abstract_eval=rule)

    def def_reference(self, fn: Callable[..., Any]) -> None:
        """``fn(*arrays, **static)`` in jnp: the definition of the primitive, which runs if there is no kernel."""
        self.declare(reference=fn)

    def def_jvp_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(primals, tangents, **static) → (outputs, output tangents)``; zero tangents are symbolic.

        :func:`defjvp` is shorter if the tangents of the operands add up.
        """
        self.declare(jvp=rule, operand_jvps=())

    def def_transpose_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(cotangents, *operands, **static) → cotangents of the operands``, None for those that are known.

        ``jax.interpreters.ad.is_undefined_primal`` identifies the linear operands. With one output, ``cotangents`` is
        its cotangent; with several, a list.
        """
        self.declare(transpose=rule)

    def def_batching_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(size, operands, axes, **static) → (outputs, output axes)``, or NotImplemented for the default.

        It is only useful if the primitive itself supports a mapped axis, for example if a batch of vectors is a matrix.
        ``axes`` holds 0 or None. :func:`general_batching_rule` calls the primitive sequentially.
        """
        self.declare(batching=rule)

    def def_sharding_rule(self, rule: Callable[..., Any]) -> None:
        """``rule(specs, *avals, **static) → spec``: how outputs are sharded on a mesh with explicit axes.

        Abstract evaluation calls the rule each time that the primitive is traced with an operand that is sharded over
        an explicit axis of a mesh (``jax.sharding.AxisType.Explicit``). It is not called inside ``shard_map``, where
        each device calls the primitive on its share, or under automatic partitioning. Without a rule, every output is
        replicated on every device.

        The rule determines the type of the outputs, but not the computation: each device computes them whole and keeps
        its part. To compute only this part, call the primitive inside ``shard_map``.

        Args:
            rule: its arguments are a ``jax.sharding.PartitionSpec`` per operand, in a list (empty for an operand that
                isn't sharded), then the operands' shapes and dtypes, and the static parameters by name; operands and
                outputs are without the axes of ``vmap``, over which no output is sharded. It returns a spec for all
                outputs, or a sequence of one for each.

        Raises:
            RegistrationError: at declaration, if it has other operands or static parameters than the abstract
                evaluation rule; when called, if it returns anything else.

        Example:
            >>> import jax
            >>> from brainevent import XLACustomKernel
            >>> double = XLACustomKernel("docs.double")
            >>> double.def_abstract_eval(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype))
            >>> double.def_reference(lambda x: 2 * x)
            >>> double.def_sharding_rule(lambda specs, x: specs[0])  # sharded like the operand
        """
        self.declare(sharding=rule)

    def declare(self, **rules: Any) -> None:
        """Replace rules, named as in :class:`~.rules.Rules`."""
        old, self.rules = self.rules, self.rules.declare(self.name, **rules)
        if any(getattr(old, name) for name in rules):
            config.invalidate_compiled()  # discard programs compiled with the old rule

    # -- adding kernels ------------------------------------------------------------------------------------------

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
        partitionable: bool = True,
    ) -> None:
        """Add a kernel, see :meth:`KernelRegistry.register_kernel`.

        Raises:
            RegistrationError: if the backend already has one, or its arguments differ from those of the abstract
                evaluation rule.
        """
        injected = ["batch"] * batched + ["after"] * in_place
        self.rules.require_fit(self.name, f"kernel for {backend!r}", fn, injected)
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
            partitionable=partitionable,
        )


def defjvp(kernel: XLACustomKernel, *rules: Any) -> None:
    """Declare one tangent rule per operand: ``rule(tangent, *primals, **static) → output tangent(s)``.

    The contributions of the operands add up. None marks an operand without a derivative; if its tangent is needed, an
    error is raised instead of silently using zero. ``...`` stands for any number of such operands.

    Raises:
        RegistrationError: if a rule has other operands or static parameters than the abstract evaluation rule.
    """
    kernel.declare(jvp=None, operand_jvps=rules)


def _as_operand(array: Any) -> Any:
    events = getattr(array, "__event_spec__", None)
    return jnp.asarray(array if events is None else events.decoded())
