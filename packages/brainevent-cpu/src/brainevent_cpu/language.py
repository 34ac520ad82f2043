"""`numba_kernel`: user-defined operators in Numba, which XLA calls without entering Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from brainevent_core.errors import BackendWarning
from brainevent_core.primitive import LanguageKernel

from .bridge import NativeKernel, native_call

__all__ = ["NumbaKernel", "numba_kernel"]


def numba_kernel(
    fn: Callable[..., Any] | None = None,
    *,
    outs: Any = None,
    vmap_method: str | None = "sequential",
    input_output_aliases: Mapping[int, int] | None = None,
    name: str | None = None,
) -> Any:
    """An operation on JAX arrays with a Numba function as its body. Use it as a decorator, or as a function.

    The body is `fn(*inputs, *outputs)`. Its arguments are C-contiguous arrays with the dtypes and shapes of the call;
    inputs are read-only. It writes to the outputs, which are undefined before; its return value is ignored. It is
    compiled once for each combination of dtypes and ranks, and works inside `jit`, `scan`, `vmap` and `shard_map`, on
    CPU. To add derivatives, make it a kernel of a primitive, see `brainevent.XLACustomKernel`.

    Args:
      fn: a Python function, or one that `numba.njit` has compiled (its options are kept, except that loops with
        `parallel=True` run on one thread, because Numba's threads would conflict with those of XLA).
      outs: shape and dtype of the output, a `jax.ShapeDtypeStruct` or similar, or a sequence of them; or a
        function of the inputs that returns these. Without it, give it in every call.
      vmap_method: the implementation of `jax.vmap`. "sequential" calls the kernel for one element of the batch after
        the other. With "expand_dims" and "broadcast_all" the arrays get one more leading axis, which for inputs that
        aren't mapped has size 1 or that of the batch. With None, `vmap` raises an error.
      input_output_aliases: inputs whose memory is used for an output, `{input: output}`, which then initially contains
        the input. XLA copies an input that is needed afterwards.
      name: for error messages and profiles; by default that of the function.

    Returns:
      A function of the inputs, and optionally `outs`, that returns the output, or the list of outputs if `outs` is a
      sequence.

    Raises:
      KernelCompilationError: when called, if Numba can't compile the body for these arguments.
      TypeError: when called, if `outs` is missing, or Numba doesn't support arrays of a dtype.
      ValueError: if there is no such `vmap_method`.
      jax.errors.JaxRuntimeError: when it runs, if the body raises an error, or doesn't write an output.

    Example:
      >>> import brainevent, jax.numpy as jnp
      >>> @brainevent.numba_kernel(outs=lambda v: v)
      ... def leak(v, out):
      ...     for i in range(v.size):
      ...         out[i] = 0.9 * v[i]
      >>> leak(jnp.ones(3))
      Array([0.9, 0.9, 0.9], dtype=float32)
    """
    return NumbaKernel.make(
        fn, outs=outs, vmap_method=vmap_method, input_output_aliases=input_output_aliases, name=name
    )


class NumbaKernel(LanguageKernel):
    """The result of `numba_kernel`, which has the documentation."""

    language = "numba_kernel"
    platforms = ("cpu",)

    def __init__(self, fn: Callable[..., Any], **options: Any) -> None:
        super().__init__(fn, **options)
        # An output that is aliased to an input has contents already, and must not be computed twice.
        self._native = NativeKernel(
            self.name, lambda: _compiled(fn, self.name), returns_status=False, must_write=not self.aliases
        )

    def apply(self, inputs: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]) -> Sequence[Any]:
        self.parameters(self.fn, len(inputs), len(outs))
        return native_call(self._native, *inputs, outs=outs, aliases=self.aliases)

    @classmethod
    def parts(cls, value: Any) -> Any:
        from numba.core.dispatcher import Dispatcher

        return (value.py_func, value.targetoptions, value.locals) if isinstance(value, Dispatcher) else None


def _compiled(fn: Callable[..., Any], name: str) -> Any:
    """The function as one of Numba's, without Numba's threads."""
    import numba
    from numba.core.dispatcher import Dispatcher

    if not isinstance(fn, Dispatcher):
        return numba.njit(fn)
    if not fn.targetoptions.get("parallel"):
        return fn
    warnings.warn(
        f"The kernel {name!r} was compiled with parallel=True; inside JAX its loops run on one thread, because XLA "
        "runs kernels at once, in which Numba's default threads abort the process. Use brainevent_cpu.bridge.threads "
        "for loops on the threads of XLA.",
        BackendWarning,
        stacklevel=2,
    )
    options = {key: value for key, value in fn.targetoptions.items() if key not in ("parallel", "nopython")}
    return numba.njit(**options)(fn.py_func)
