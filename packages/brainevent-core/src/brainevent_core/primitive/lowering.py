"""Lowering a primitive: the kernel is selected, traced into the program, and its outputs are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax

from brainevent_core import _jax
from brainevent_core.config import REFERENCE, Request
from brainevent_core.errors import KernelBuildError, KernelCompilationError, KernelFallbackExhaustedError
from brainevent_core.plugins import Selection, get_registry, select, warn_unbuilt
from brainevent_core.primitive.sharding import split_as
from brainevent_core.primitive.vmap_axes import VmapAxis, as_list, unmapped_avals, vmap_over

if TYPE_CHECKING:
    from brainevent_core.primitive.primitive import XLACustomKernel

__all__ = ["lowering_rule"]


def lowering_rule(kernel: XLACustomKernel, platform: str | None) -> Callable[..., Any]:
    """The lowering rule for a platform; with None, for all platforms without their own rule."""

    def lower(ctx: Any, /, *operands: Any, _vmap_axes: tuple[VmapAxis, ...], _request: Any, **static: Any) -> Any:
        platforms = _jax.lowering_platforms(ctx)
        # Platforms without their own rule share one lowering, and no kernel is for several platforms.
        shared = platform is None and len(platforms) > 1
        unbuilt: dict[str, str] = {}
        while True:  # until a kernel can be built; each iteration excludes one, and the reference comes last
            selection = select(
                kernel.name,
                platform or platforms[0],
                unmapped_avals(_vmap_axes, ctx.avals_in),
                static,
                request=Request(REFERENCE) if shared else _request,
                batched=bool(_vmap_axes),
                exporting=_jax.exporting(ctx),
                only_platform=len(ctx.module_context.platforms) == 1,
                partitioned=_jax.partitioned(ctx),
                ours=kernel.builtin,
                unbuilt=unbuilt,
            )
            try:
                lowered = _lower_as(selection, kernel, ctx, operands, _vmap_axes, static)
            except KernelBuildError as error:
                if selection.kernel is None:
                    raise
                unbuilt[selection.backend] = str(error)
                warn_unbuilt(selection, str(error))
            else:
                get_registry().note(selection)
                return lowered

    return lower


def _lower_as(
    selection: Selection,
    kernel: XLACustomKernel,
    ctx: Any,
    operands: Sequence[Any],
    vmap_axes: tuple[VmapAxis, ...],
    static: dict[str, Any],
) -> Any:
    """The lowered outputs of the selected kernel."""
    implementation = _implementation(kernel, selection.kernel, vmap_axes)
    in_place = selection.kernel is not None and selection.kernel.in_place
    # XLA copies an overwritten operand, unless all its prior uses are forced to run first.
    after = [use for i in kernel.overwritten(static) for use in _jax.prior_uses(operands[i])] if in_place else []

    def run(*arrays: Any) -> list[Any]:
        arrays, after = arrays[: len(operands)], arrays[len(operands) :]
        keywords = {**static, "after": after} if in_place else static
        outputs = as_list(implementation(*arrays, **keywords))
        _check(kernel.name, selection.backend, outputs, ctx.avals_out)
        return split_as(outputs, ctx.avals_out)

    return _jax.lower(run, ctx, *operands, further=after)


def _implementation(kernel: XLACustomKernel, selected: Any, vmap_axes: tuple[VmapAxis, ...]) -> Callable[..., Any]:
    """The function that computes the outputs for operands with mapped axes: the selected kernel, or the reference."""
    if selected is not None:
        if not selected.batched:
            return selected.fn
        return lambda *arrays, **static: selected.fn(*arrays, batch=vmap_axes, **static)
    reference = kernel.rules.reference
    if reference is None:
        raise KernelFallbackExhaustedError(
            f"No kernel of {kernel.name!r} accepts this call, and it has no reference. Declare one with "
            "def_reference, or install a backend that has a kernel (`python -m brainevent info` lists them)."
        )

    def run(*arrays: Any, **static: Any) -> Any:
        outputs = vmap_over(lambda *unmapped: as_list(reference(*unmapped, **static)), vmap_axes)(*arrays)
        # The barrier makes the reference as opaque to XLA as a kernel. Fused with other operations, it would round
        # differently from every kernel, and a chaotic network would leave its trajectory within milliseconds.
        return jax.lax.optimization_barrier(outputs)

    return run


def _check(primitive: str, backend: str, outputs: Sequence[Any], avals: Sequence[Any]) -> None:
    found, expected = ([(out.shape, out.dtype) for out in one] for one in (outputs, avals))
    if found != expected:
        raise KernelCompilationError(
            f"The kernel of {primitive!r} in backend {backend!r} returned {_describe(found)}, the abstract evaluation "
            f"rule says {_describe(expected)}."
        )


def _describe(outputs: Sequence[tuple[Any, Any]]) -> str:
    return ", ".join(f"{dtype}[{','.join(map(str, shape))}]" for shape, dtype in outputs)
