"""`pallas_kernel`: user-defined operators in Pallas, for TPU and CUDA, and interpreted on CPU."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.experimental import pallas as pl

from brainevent_core.primitive import LanguageKernel, abstract

__all__ = ["PallasKernel", "pallas_kernel"]


def pallas_kernel(
    fn: Callable[..., Any] | None = None,
    *,
    outs: Any = None,
    grid: int | Sequence[int] | Callable[..., Any] = (),
    in_specs: Any = None,
    out_specs: Any = None,
    scratch_shapes: Sequence[Any] = (),
    interpret: Any = None,
    vmap_method: str | None = "grid",
    input_output_aliases: Mapping[int, int] | None = None,
    name: str | None = None,
    **options: Any,
) -> Any:
    """An operation on JAX arrays with a Pallas kernel as its body. Use it as a decorator, or as a function.

    The body is `fn(*inputs, *outputs, *scratch)`; its arguments are references. It is compiled by Mosaic on TPU and by
    Triton on CUDA, and interpreted, slowly, on CPU. It works inside `jit`, `scan` and `vmap`, and inside `shard_map`
    with `check_vma=False`. To add derivatives, make it a kernel of a primitive, see `brainevent.XLACustomKernel`.

    JAX deprecates Triton as of 0.12, and recommends kernels of another kind for GPUs, which this function doesn't
    support.

    Args:
      fn: a Python function.
      outs: shape and dtype of the output, a `jax.ShapeDtypeStruct` or similar, or a sequence of them; or a
        function of the inputs that returns these. Without it, give it in every call.
      grid: how often the body runs along each dimension; or a function of the inputs that returns this. By default,
        once.
      in_specs: a `jax.experimental.pallas.BlockSpec` for each input: the block that the body gets at each point of
        the grid. By default, the whole input.
      out_specs: the same for the outputs; for a single output, a single specification.
      scratch_shapes: scratch memory, such as `jax.experimental.pallas.tpu.VMEM((8, 128), jnp.float32)`.
      interpret: whether to interpret the body, as in `jax.experimental.pallas.pallas_call`. By default only on CPU,
        which is decided when the program is lowered for a platform. (A single module for several platforms needs a
        primitive, with a kernel for each.)
      vmap_method: the implementation of `jax.vmap`. "grid" is Pallas' own: one more dimension of the grid, which the
        body doesn't see. "sequential" calls the kernel for one element of the batch after the other. With "expand_dims"
        and "broadcast_all" the arrays get one more leading axis, which for inputs that aren't mapped has size 1 or that
        of the batch. With None, `vmap` raises an error.
      input_output_aliases: inputs whose memory is used for an output, `{input: output}`, which then initially contains
        the input. XLA copies an input that is needed afterwards.
      name: for error messages and profiles; by default that of the function.
      **options: any other option of `jax.experimental.pallas.pallas_call`, such as `compiler_params`.

    Returns:
      A function of the inputs, and optionally `outs`, that returns the output, or the list of outputs if `outs` is a
      sequence.

    Raises:
      TypeError: when called, if `outs` is missing, or the body has a wrong number of references.
      ValueError: if there is no such `vmap_method`.

    Example:
      >>> import brainevent, jax.numpy as jnp
      >>> @brainevent.pallas_kernel(outs=lambda v: v)
      ... def leak(v, out):
      ...     out[...] = 0.9 * v[...]
      >>> leak(jnp.ones(3))
      Array([0.9, 0.9, 0.9], dtype=float32)
    """
    return PallasKernel.make(
        fn,
        outs=outs,
        vmap_method=vmap_method,
        input_output_aliases=input_output_aliases,
        name=name,
        interpret=interpret,
        grid=grid,
        in_specs=in_specs,
        out_specs=out_specs,
        scratch_shapes=scratch_shapes,
        **options,
    )


class PallasKernel(LanguageKernel):
    """The result of `pallas_kernel`, which has the documentation."""

    language = "pallas_kernel"
    platforms = ("tpu", "cuda", "cpu")
    exportable = True
    unpartitionable = ("tpu",)
    vmap_methods = ("grid", *LanguageKernel.vmap_methods)

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        outs: Any,
        vmap_method: str | None,
        input_output_aliases: Mapping[int, int] | None,
        name: str | None,
        interpret: Any,
        grid: Any,
        in_specs: Any,
        out_specs: Any,
        scratch_shapes: Sequence[Any],
        **options: Any,
    ) -> None:
        super().__init__(fn, outs=outs, vmap_method=vmap_method, input_output_aliases=input_output_aliases, name=name)
        self._interpret, self._grid, self._scratch = interpret, grid, scratch_shapes
        self._options = options
        for key, specs in (("in_specs", in_specs), ("out_specs", out_specs)):
            if specs is not None:  # as a list, like the inputs and the outputs
                self._options[key] = [specs] if isinstance(specs, pl.BlockSpec) else list(specs)

    @classmethod
    def parts(cls, value: Any) -> Any:
        if not isinstance(value, pl.BlockSpec):
            return None
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if not inspect.isfunction(value.index_map):  # wrapped in an object that is compared by identity
            fields["index_map"] = getattr(value.index_map, "__wrapped__", value.index_map)
        return fields

    def batch(self, outs: Sequence[jax.ShapeDtypeStruct]) -> Callable[..., Any]:
        if self._vmap_method == "grid":
            return lambda *arrays: self.apply(arrays, outs)
        return super().batch(outs)

    def apply(self, inputs: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]) -> Sequence[Any]:
        self.parameters(self.fn, len(inputs), len(outs), len(self._scratch))
        options = dict(self._options)
        if "grid_spec" not in options:
            options["grid"] = self._grid(*abstract(inputs)) if callable(self._grid) else self._grid
            options["scratch_shapes"] = self._scratch
        call = functools.partial(
            pl.pallas_call,
            self.fn,
            out_shape=list(outs),
            input_output_aliases=self.aliases,
            name=self.name,
            **options,
        )
        if self._interpret is not None:
            return call(interpret=self._interpret)(*inputs)
        triton = call if "compiler_params" in options else functools.partial(call, compiler_params=_triton())
        return jax.lax.platform_dependent(*inputs, cpu=call(interpret=True), cuda=triton(), default=call())


def _triton() -> Any:
    """Compiler parameters that select Triton; Pallas' default on GPUs differs between versions of JAX."""
    from jax.experimental.pallas import triton

    return triton.CompilerParams()
