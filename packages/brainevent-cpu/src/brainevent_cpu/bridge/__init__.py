"""The bridge between Numba and XLA: kernels that run inside a compiled JAX program without entering Python.

A kernel is a Numba function; `native_call` makes it an operation on JAX arrays:

    def scale(x, out):
        for i in range(x.size):
            out[i] = 2 * x[i]
        return 0

    kernel = NativeKernel("scale", lambda: scale)
    (y,) = native_call(kernel, x, outs=[jax.ShapeDtypeStruct(x.shape, x.dtype)])

Kernels that share XLA's thread pool use `brainevent_cpu.bridge.threads`. Importing this package doesn't import Numba.
"""

from .call import native_call
from .kernel import NativeKernel

__all__ = ["NativeKernel", "native_call"]
