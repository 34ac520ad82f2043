"""Launches kernels without Python: a single FFI handler for all kernels executes *plans*.

A plan is a short list of operations: buffers to zero and kernels to launch. It is identified by a hash of its contents,
which is an attribute of the call, so that compiled programs contain neither addresses nor counters and XLA's persistent
cache works. The handler looks up the plan in a table of this process.

    plan        the definition of plans, and their keys
    records     plans in memory, as the handler reads them, and the table
    handler     the handler, compiled by Numba
    drivers     the CUDA driver, or on a CPU a replacement with the same interface
    call        `planned_call`, an operation on JAX arrays

Importing this package imports neither Numba nor Warp.
"""

from .plan import Buffer, Kernel, Launch, Plan, Pointer, Size, Zero

__all__ = ["Buffer", "Kernel", "Launch", "Plan", "Pointer", "Size", "Zero"]
