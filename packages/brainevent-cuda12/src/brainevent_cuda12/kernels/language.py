"""`warp_kernel`: user-defined operators in Warp, through Warp's interface to JAX, on CUDA and on CPU."""

from __future__ import annotations

import inspect
import threading
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import warp as wp

from brainevent_core.primitive import LanguageKernel, abstract

__all__ = ["WarpKernel", "jaxinfo_to_warpinfo", "jaxtype_to_warptype", "warp_kernel"]


def warp_kernel(
    fn: Callable[..., Any] | None = None,
    *,
    outs: Any = None,
    dim: int | Sequence[int] | Callable[..., Any] | None = None,
    vmap_method: str | None = "sequential",
    input_output_aliases: Mapping[int, int] | None = None,
    name: str | None = None,
) -> Any:
    """An operation on JAX arrays with a Warp kernel as its body. Use it as a decorator, or as a function.

    The body is `fn(*inputs, *outputs)`. It runs in one thread for each index in `dim`, which `wp.tid()` returns. The
    outputs are undefined before, and elements that no thread writes stay undefined: to accumulate, give the kernel
    zeros with `input_output_aliases`. It works inside `jit`, `scan` and `vmap`, on CUDA and on CPU. Every launch
    enters Python. To add derivatives, make it a kernel of a primitive, see `brainevent.XLACustomKernel`.

    Args:
      fn: a Python function, or one that `warp.kernel` has compiled. Parameters without annotation are arrays with the
        dtype and rank of the call, and the function is compiled for each combination of these. Arrays without axes
        are passed as arrays of one element. Numbers from the enclosing scope of the function are constants. Warp
        reads the source code, so the function must be in a file or a notebook.
      outs: shape and dtype of the output, a `jax.ShapeDtypeStruct` or similar, or a sequence of them; or a
        function of the inputs that returns these. Without it, give it in every call.
      dim: the number of threads along each dimension; or a function of the inputs that returns it. By default, the
        shape of the first output.
      vmap_method: the implementation of `jax.vmap`. "sequential" calls the kernel for one element of the batch after
        the other. "elementwise" makes a single launch, with the batch folded into the first axis of the arrays: only
        for kernels in which the values at one index of the first axis don't depend on those at other indices. With
        None, `vmap` raises an error.
      input_output_aliases: inputs whose memory is used for an output, `{input: output}`, which then initially contains
        the input. XLA copies an input that is needed afterwards.
      name: for error messages; by default that of the function.

    Returns:
      A function of the inputs, and optionally `outs`, that returns the output, or the list of outputs if `outs` is a
      sequence.

    Raises:
      TypeError: when called, if `outs` is missing, if the number of arrays is wrong, or if the annotations of the
        kernel have another dtype or rank than the call.
      ValueError: if there is no such `vmap_method`, or `dim` or the shapes don't support it.
      Exception: when called, the error of Warp if it can't compile the body.

    Example:
      >>> import brainevent, jax.numpy as jnp, warp as wp
      >>> wp.config.log_level = wp.LOG_WARNING
      >>> @brainevent.warp_kernel(outs=lambda v: v)
      ... def leak(v, out):
      ...     i = wp.tid()
      ...     out[i] = 0.9 * v[i]
      >>> leak(jnp.ones(3))
      Array([0.9, 0.9, 0.9], dtype=float32)
    """
    return WarpKernel.make(
        fn, outs=outs, dim=dim, vmap_method=vmap_method, input_output_aliases=input_output_aliases, name=name
    )


def jaxtype_to_warptype(dtype: Any) -> Any:
    """The Warp type of the elements of a JAX array.

    Args:
      dtype: a dtype, or anything that `jax.numpy` accepts as one.

    Raises:
      TypeError: if Warp has no such type.

    Example:
      >>> import brainevent, jax.numpy as jnp
      >>> brainevent.jaxtype_to_warptype(jnp.int32).__name__
      'int32'
    """
    dtype = jax.numpy.dtype(dtype)
    try:
        return wp.dtype_from_jax(dtype)
    except TypeError:
        raise TypeError(f"Warp has no arrays of dtype {dtype}.") from None


def jaxinfo_to_warpinfo(info: Any) -> Any:
    """The annotation of a Warp kernel's parameter for arrays like `info`.

    Args:
      info: a `jax.ShapeDtypeStruct`, or anything with a shape and a dtype. Without axes, it is an array of one element.

    Raises:
      TypeError: if Warp doesn't support such arrays, which have at most 4 axes.

    Example:
      >>> import brainevent, jax
      >>> annotation = brainevent.jaxinfo_to_warpinfo(jax.ShapeDtypeStruct((3, 4), "float32"))
      >>> annotation.ndim, annotation.dtype.__name__
      (2, 'float32')
    """
    if len(info.shape) > 4:
        raise TypeError(f"Warp's arrays have at most 4 axes, got an array of shape {info.shape}: reshape it.")
    return wp.array(dtype=jaxtype_to_warptype(info.dtype), ndim=max(len(info.shape), 1))


class WarpKernel(LanguageKernel):
    """The result of `warp_kernel`, which has the documentation."""

    language = "warp_kernel"
    platforms = ("cuda", "cpu")
    # No method that adds an axis: a Warp kernel has a fixed number of indices once it is compiled.
    vmap_methods = ("sequential", "elementwise")

    def __init__(self, fn: Callable[..., Any], *, dim: Any = None, **options: Any) -> None:
        super().__init__(fn, **options)
        if not (inspect.isfunction(fn) or isinstance(fn, wp.Kernel)):
            raise TypeError(f"warp_kernel takes a Python function or a warp.Kernel, got {type(fn).__name__}.")
        if dim is not None and not callable(dim) and options.get("vmap_method") == "elementwise":
            raise ValueError(
                f"With vmap_method='elementwise' the arrays of {self!r} grow, and its threads with them: make dim a "
                f"function of the inputs, got {dim!r}."
            )
        self._dim = dim
        self._made: dict[Any, Any] = {}
        self._lock = threading.RLock()

    def apply(self, inputs: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]) -> Sequence[Any]:
        arrays = [x.reshape(1) if x.ndim == 0 else x for x in inputs]
        written = [jax.ShapeDtypeStruct(out.shape or (1,), out.dtype) for out in outs]
        names = self.parameters(getattr(self.fn, "func", self.fn), len(inputs), len(outs))
        kernel = self._kernel(names, [*abstract(arrays), *written])
        annotations = {arg.label: arg.type for arg in kernel.adj.args}
        for parameter, array in zip(names, [*arrays, *written]):
            self._check(parameter, annotations[parameter], array)
        dims = {name: out.shape[: annotations[name].ndim] for name, out in zip(names[len(inputs) :], written)}

        dim = self._dim(*abstract(inputs)) if callable(self._dim) else self._dim
        dim = dims[names[len(inputs)]] if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        if self.aliases:
            results = self._in_place(kernel, names, annotations, arrays, dims, dim)
        else:
            call = wp.jax_kernel(kernel, num_outputs=len(outs))
            results = call(*arrays, launch_dims=dim, output_dims=dims)
        return [result.reshape(out.shape) for result, out in zip(results, outs)]

    @classmethod
    def parts(cls, value: Any) -> Any:
        if isinstance(value, (wp.Kernel, wp.Function)) and inspect.isfunction(value.func):
            return value.func, getattr(value, "options", None), getattr(value, "native_snippet", None)
        if isinstance(value, wp.array) and value.ptr is None:  # an annotation
            return value.ndim, value.dtype
        return None

    def together(
        self, size: int, mapped: Sequence[bool], arrays: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]
    ) -> Sequence[Any]:
        length = _length(outs[0].shape)
        lengths = [_length(x.shape[1:] if is_mapped else x.shape) for x, is_mapped in zip(arrays, mapped)]
        unequal = [_length(out.shape) for out in outs] + [n for n, is_mapped in zip(lengths, mapped) if is_mapped]
        if set(unequal) != {length}:
            raise ValueError(
                f"With vmap_method='elementwise' all mapped inputs and all outputs of {self!r} have first axes of the "
                f"same size, got {sorted(set(unequal))}: use vmap_method='sequential'."
            )
        folded = []
        for x, n, is_mapped in zip(arrays, lengths, mapped):
            if n == length:  # any other array is shared by all elements of the batch
                x = x if is_mapped else jax.numpy.broadcast_to(x, (size, *x.shape))
                x = x.reshape(size * n, *x.shape[2:])
            folded.append(x)
        wider = [jax.ShapeDtypeStruct((size * length, *out.shape[1:]), out.dtype) for out in outs]
        results = self.batch(wider)(*folded)
        return [result.reshape(size, *out.shape) for result, out in zip(results, outs)]

    def _kernel(self, names: Sequence[str], arrays: Sequence[jax.ShapeDtypeStruct]) -> Any:
        """Warp's kernel for arrays of these shapes and dtypes."""
        kernel: Any = self.fn
        if inspect.isfunction(self.fn):
            known = self.fn.__annotations__
            missing = {name: jaxinfo_to_warpinfo(x) for name, x in zip(names, arrays) if name not in known}
            key = tuple((name, info.dtype, info.ndim) for name, info in missing.items())
            with self._lock:
                if key not in self._made:
                    # In a module of its own: in a shared module, a kernel of the same name would replace this one.
                    annotated = _annotated(self.fn, missing)
                    self._made[key] = wp.kernel(annotated, module="unique", enable_backward=False)
                kernel = self._made[key]
        return wp.overload(kernel, [jaxinfo_to_warpinfo(x) for x in arrays]) if kernel.is_generic else kernel

    def _check(self, parameter: str, annotation: Any, array: Any) -> None:
        """Raise TypeError unless the array matches the kernel's annotation; the kernel could overrun it otherwise."""
        given = f"{array.dtype}[{','.join(map(str, array.shape))}]"
        if not hasattr(annotation, "ndim"):  # arrays are annotated with instances, or with types of another class
            raise TypeError(
                f"{self!r} gets {given} for {parameter!r}, which is no array. Numbers that are known beforehand come "
                "from the scope around the kernel; others are arrays of one element."
            )
        inner = tuple(getattr(annotation.dtype, "_shape_", ()))  # of vectors and matrices
        dtype = wp.dtype_to_jax(getattr(annotation.dtype, "_wp_scalar_type_", annotation.dtype))
        rank = annotation.ndim + len(inner)
        if array.dtype != dtype or array.ndim != rank or tuple(array.shape[annotation.ndim :]) != inner:
            elements = f"{annotation.dtype.__name__}" + (f" ({dtype.__name__}{list(inner)})" if inner else "")
            raise TypeError(
                f"{self!r} gets {given} for {parameter!r}, which its annotation says is an array of {elements} with "
                f"{annotation.ndim} axes. Leave the annotation out, to have the kernel compiled for what it gets."
            )

    def _in_place(
        self,
        kernel: Any,
        names: Sequence[str],
        annotations: Mapping[str, Any],
        arrays: Sequence[Any],
        dims: Mapping[str, Any],
        dim: Sequence[int],
    ) -> list[Any]:
        """Launch with outputs that share memory with inputs. Warp's bridge treats each of these pairs as one array."""
        inputs, outputs = names[: len(arrays)], names[len(arrays) :]
        shared = {outputs[out]: inputs[position] for position, out in self.aliases.items()}
        passed = [*inputs, *(name for name in outputs if name not in shared)]
        key = (kernel, tuple(dim), tuple(dims.items()))
        with self._lock:
            if key not in self._made:

                def launch(*buffers: Any) -> None:
                    known = dict(zip(passed, buffers))
                    wp.launch(kernel, dim, [known[shared.get(name, name)] for name in names], device=buffers[0].device)

                launch.__name__ = self.name
                launch.__annotations__ = {name: annotations[name] for name in passed}
                launch.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
                    [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in passed]
                )
                in_place = [name for name in inputs if name in shared.values()]
                self._made[key] = wp.jax_callable(launch, num_outputs=len(outputs), in_out_argnames=in_place)
            call = self._made[key]
        results = call(*arrays, output_dims={name: dims[name] for name in outputs if name not in shared})
        # The bridge returns outputs in place first, in the order of the inputs.
        position = [*(name for name in inputs if name in shared.values()), *passed[len(inputs) :]]
        return [results[position.index(shared.get(name, name))] for name in outputs]


def _length(shape: Sequence[int]) -> int:
    """The size of the first axis; arrays without axes are arrays of one element."""
    return shape[0] if shape else 1


def _annotated(fn: Any, annotations: Mapping[str, Any]) -> Any:
    """A copy of a function with additional annotations."""
    copy = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    copy.__module__, copy.__qualname__ = fn.__module__, fn.__qualname__
    # Annotations must be in the order of the parameters, because Warp's bridge takes the order from them.
    known = {**fn.__annotations__, **annotations}
    copy.__annotations__ = {name: known[name] for name in inspect.signature(fn).parameters}
    return copy
