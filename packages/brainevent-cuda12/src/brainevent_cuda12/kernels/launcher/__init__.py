"""Kernels launched without Python: one FFI handler for all of them, which does what a *plan* says.

A plan is a short list of operations, buffers to zero and kernels to launch. It is known by a hash of its contents,
which a call carries as an attribute, so that compiled programs hold neither addresses nor counters and XLA's persistent
cache works. The handler looks the plan up in a table of this process.

    plan        what a plan is, and its key
    records     plans in memory, as the handler reads them, and the table
    handler     the handler, compiled by Numba
    drivers     who launches: the CUDA driver, or on a CPU a stand-in of the same interface
    call        `planned_call`, an operation on JAX arrays

Importing this package imports neither Numba nor Warp.
"""

from .plan import Buffer, Kernel, Launch, Plan, Pointer, Size, Zero

__all__ = ["Buffer", "Kernel", "Launch", "Plan", "Pointer", "Size", "Zero"]
