"""`native_call`: a JAX operation that runs a native kernel. Imports Numba at the first call."""

from __future__ import annotations

import itertools
import re
import textwrap
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from brainevent_core.errors import BrainEventError, KernelBuildError

from .kernel import NativeKernel

__all__ = ["native_call"]

# Reentrant because compiling can run code that calls another kernel. It serialises imports, compilation and
# registration: Numba's compiler isn't thread-safe at the first import, and XLA refuses to register a name twice.
_lock = threading.RLock()
_targets: dict[tuple[Any, ...], str] = {}
_failures: dict[tuple[Any, ...], str] = {}
_handlers: dict[str, Any] = {}  # by target; XLA may call a handler until the process ends
_names = itertools.count(1)


def native_call(
    kernel: NativeKernel,
    *arrays: jax.Array,
    outs: Sequence[jax.ShapeDtypeStruct],
    aliases: Mapping[int, int] | None = None,
    attributes: Mapping[str, np.generic] | None = None,
    read_as: Mapping[int, Any] | None = None,
) -> list[jax.Array]:
    """Call a native kernel on arrays, traced or not, on CPU.

    The kernel is compiled once per process for each combination of dtypes and ranks; new shapes need no compilation.
    Under `vmap`, one call runs it for every member of the batch, see `members`.

    Args:
      kernel: the kernel.
      *arrays: its inputs, of any dtype that Numba supports (not bfloat16 or 8-bit floats), or that is reinterpreted as
        such a dtype.
      outs: shape and dtype of each output.
      aliases: inputs whose memory is used for an output, `{input position: output position}`, as in
        `jax.ffi.ffi_call`. Under `vmap` they must be mapped if any input is.
      attributes: static NumPy scalars that the kernel gets after the outputs, sorted by name.
      read_as: dtypes as which the kernel reinterprets inputs, `{input position: dtype of the same size}`. This costs
        nothing, while `jax.lax.bitcast_convert_type` copies the array.

    Returns:
      The outputs, in the order of `outs`.

    Raises:
      DTypeError: if Numba can't represent a dtype.
      numba.errors.NumbaError: if Numba can't compile the kernel for these arguments.
      KernelBuildError: instead, for any failure to compile, if the kernel has `sources`, as those of this package do.
      ValueError: if an input is to be reinterpreted as a dtype of another size.
      jax.errors.JaxRuntimeError: when the computation runs, if the kernel returns a nonzero status or raises an error.

    ```python
    double = NativeKernel("double", lambda: numba.njit(lambda x, out: fill(x, out)))
    (y,) = native_call(double, x, outs=[jax.ShapeDtypeStruct(x.shape, x.dtype)])
    ```
    """
    scalars = dict(sorted((attributes or {}).items()))
    target = target_for(
        kernel,
        tuple((_dtype_inside(array, (read_as or {}).get(i)), array.ndim) for i, array in enumerate(arrays)),
        tuple((np.dtype(out.dtype), len(out.shape)) for out in outs),
        tuple(np.dtype(type(value)) for value in scalars.values()),
    )
    call = jax.ffi.ffi_call(target, list(outs), input_output_aliases=dict(aliases or {}), vmap_method="expand_dims")
    return list(call(*arrays, **scalars))


def _dtype_inside(array: jax.Array, read_as: Any) -> np.dtype[Any]:
    """The dtype as which the kernel reads an input."""
    given, inside = np.dtype(array.dtype), np.dtype(array.dtype if read_as is None else read_as)
    if given.itemsize != inside.itemsize:
        raise ValueError(f"An input of dtype {given} can't be read as {inside}: their sizes differ.")
    return inside


def target_for(
    kernel: NativeKernel, inputs: tuple[Any, ...], outputs: tuple[Any, ...], attributes: tuple[Any, ...] = ()
) -> str:
    """The FFI target of `kernel` for these dtypes and ranks, compiled and registered at the first request."""
    key = (kernel, inputs, outputs, attributes)
    target = _targets.get(key)
    if target is None:
        # Compilation must not be traced, and this often runs inside a trace.
        with _lock, jax.ensure_compile_time_eval():
            target = _targets.get(key)
            if target is None:
                if key in _failures:  # to compile it again would take seconds to fail
                    raise KernelBuildError(_failures[key])
                target = _targets[key] = _register(*key)
    return target


def handler_of(target: str) -> Any:
    """The handler that was registered as `target`."""
    return _handlers[target]


def _register(
    kernel: NativeKernel, inputs: tuple[Any, ...], outputs: tuple[Any, ...], attributes: tuple[Any, ...]
) -> str:
    from .handler import compile_handler

    try:
        handler = compile_handler(kernel, inputs, outputs, attributes)
    except BrainEventError:
        raise
    except Exception as error:
        if not kernel.sources:
            raise
        said = textwrap.shorten(str(error), 300, placeholder=" ...")
        _failures[kernel, inputs, outputs, attributes] = f"{kernel.name}: {type(error).__name__}: {said}"
        raise KernelBuildError(_failures[kernel, inputs, outputs, attributes]) from error
    specs = "_".join(f"{dtype}x{rank}" for dtype, rank in (*inputs, *outputs))
    target = re.sub(r"\W+", "_", f"brainevent_{kernel.name}_{specs}_{'_'.join(map(str, attributes))}").rstrip("_")
    if target in _handlers:
        target = f"{target}_{next(_names)}"
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(handler.ctypes), platform="cpu")
    _handlers[target] = handler
    return target
