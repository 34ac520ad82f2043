"""`numba_kernel`: operators of one's own, written in Numba, called by XLA without entering Python."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.errors import BackendWarning

from .bridge import NativeKernel, native_call

__all__ = ["NumbaKernel", "numba_kernel"]

VMAP_METHODS = ("sequential", "expand_dims", "broadcast_all")


def numba_kernel(
    fn: Callable[..., Any] | None = None,
    *,
    outs: Any = None,
    vmap_method: str | None = "sequential",
    input_output_aliases: Mapping[int, int] | None = None,
    name: str | None = None,
) -> Any:
    """An operation on JAX arrays whose body is a Numba function: as a decorator, with or without options, or called.

    The body is `fn(*inputs, *outputs)`: C-contiguous arrays of the dtypes and shapes of the call, inputs read-only. It
    writes to the outputs, whose contents are undefined before; what it returns is ignored. It is compiled once for each
    combination of dtypes and ranks, and works inside `jit`, `scan`, `vmap` and `shard_map`, on CPU. For derivatives
    make it a kernel of a primitive, see `brainevent.XLACustomKernel`.

    Args:
      fn: a Python function, or one that `numba.njit` has compiled (its options are kept, except that loops of
        `parallel=True` run on one thread: Numba's threads and those of XLA would meet).
      outs: shape and dtype of the output, `jax.ShapeDtypeStruct` or anything like it, or a sequence of them; or a
        function of the inputs that returns these. Without it, every call says its own.
      vmap_method: what `jax.vmap` does. "sequential" calls the kernel for one element of the batch after the other;
        with "expand_dims" and "broadcast_all" the arrays get one axis more in front, which for inputs that aren't
        mapped has size 1 or that of the batch; None refuses.
      input_output_aliases: inputs whose memory becomes an output's, `{input: output}`, which so begins with the
        contents of the input. XLA copies an input that is needed afterwards.
      name: for error messages and profiles; that of the function by default.

    Returns:
      A function of the inputs, and optionally `outs`, that returns the output, or the list of outputs if `outs` is a
      sequence.

    Raises:
      TypeError: when called, if Numba can't compile the body for these arguments, or `outs` is missing.
      ValueError: if there is no such `vmap_method`.
      jax.errors.JaxRuntimeError: when it runs, if the body raises, or leaves an output unwritten.

    Example:
      >>> import brainevent, jax.numpy as jnp
      >>> @brainevent.numba_kernel(outs=lambda v: v)
      ... def leak(v, out):
      ...     for i in range(v.size):
      ...         out[i] = 0.9 * v[i]
      >>> leak(jnp.ones(3))
      Array([0.9, 0.9, 0.9], dtype=float32)
    """
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise ValueError(f"vmap_method must be None or one of {VMAP_METHODS}, got {vmap_method!r}.")
    make = functools.partial(
        NumbaKernel,
        outs=outs,
        vmap_method=vmap_method,
        input_output_aliases=dict(input_output_aliases or {}),
        name=name,
    )
    return make if fn is None else make(fn)


class NumbaKernel:
    """What `numba_kernel` makes; see there."""

    #: What tells kernels from their generators.
    is_kernel = True

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        outs: Any,
        vmap_method: str | None,
        input_output_aliases: dict[int, int],
        name: str | None,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"numba_kernel takes a function of the inputs and outputs, got {type(fn).__name__}.")
        functools.update_wrapper(self, fn)
        self._name = name or str(getattr(fn, "__name__", type(fn).__name__))
        self._fn, self._outs, self._vmap_method, self._aliases = fn, outs, vmap_method, input_output_aliases
        self._native = self._build()

    def __repr__(self) -> str:
        return f"numba_kernel({self._name})"

    def __call__(self, *arrays: Any, outs: Any = None) -> Any:
        """Call the kernel; `outs` as in `numba_kernel`."""
        inputs = [jnp.asarray(array) for array in arrays]
        given = self._outs if outs is None else outs
        if callable(given) and not isinstance(given, jax.ShapeDtypeStruct):
            given = given(*(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs))
        if given is None:
            raise TypeError(f"{self!r} needs the shape and dtype of what it writes: outs=jax.ShapeDtypeStruct(...).")
        single = not isinstance(given, Sequence)
        results = self._call([_as_out(out, self) for out in ([given] if single else given)])(*inputs)
        return results[0] if single else list(results)

    def _call(self, outs: Sequence[jax.ShapeDtypeStruct]) -> Any:
        """The operation on arrays for outputs of these shapes."""

        @jax.custom_batching.custom_vmap
        def call(*arrays: Any) -> Any:
            return tuple(native_call(self._native, *arrays, outs=outs, aliases=self._aliases))

        @call.def_vmap
        def batched(size: int, mapped: Sequence[bool], *arrays: Any) -> Any:
            if self._vmap_method is None:
                raise NotImplementedError(f"{self!r} has no vmap: make it with vmap_method={VMAP_METHODS[0]!r}.")
            if self._vmap_method == "sequential":
                chosen = [array for array, is_mapped in zip(arrays, mapped) if is_mapped]

                def one(elements: Any) -> Any:
                    remaining = iter(elements)
                    return call(*(next(remaining) if m else array for array, m in zip(arrays, mapped)))

                results = jax.lax.map(one, chosen)
            else:
                in_front = 1 if self._vmap_method == "expand_dims" else size
                wider = [
                    array if is_mapped else jnp.broadcast_to(array, (in_front, *array.shape))
                    for array, is_mapped in zip(arrays, mapped)
                ]
                results = self._call([jax.ShapeDtypeStruct((size, *out.shape), out.dtype) for out in outs])(*wider)
            return results, (True,) * len(outs)

        return call

    def _build(self) -> NativeKernel:
        def build() -> Any:
            return _compiled(self._fn, self._name)

        # An output that shares its memory with an input is written already, and must not be made twice.
        return NativeKernel(self._name, build, returns_status=False, must_write=not self._aliases)


def _compiled(fn: Callable[..., Any], name: str) -> Any:
    """The function as Numba's, without threads of its own."""
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


def _as_out(out: Any, kernel: NumbaKernel) -> jax.ShapeDtypeStruct:
    shape, dtype = getattr(out, "shape", None), getattr(out, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(f"The outs of {kernel!r} have a shape and a dtype, as jax.ShapeDtypeStruct has; got {out!r}.")
    return jax.ShapeDtypeStruct(shape, dtype)
