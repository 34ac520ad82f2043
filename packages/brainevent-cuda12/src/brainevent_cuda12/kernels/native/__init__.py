"""The bodies of kernels in C++, each generated from a `KernelSpec`. Imports neither Warp nor JAX's CUDA plugin.

Bodies are C++ and not Warp's Python because Warp truncates indices of arrays to 32 bits silently: `a[2**32 + 5]` reads
`a[5]`. A body gets 64-bit addresses and sizes. It is compiled for GPUs and for CPUs; warp-wide operations are written
once, with the functions of `preamble`.

    spec       the specification of a kernel, and the arrays and sizes it gets
    preamble   types, warp operations, and how weights, indices, pointers and x are read
    bodies     the strategies: whether the pointers of compressed rows ascend; `A @ x`, where a group of lanes sums a
               row (gather); `A.T @ x`, where a warp adds an active row to the result (scatter); both from coordinates,
               with one thread per entry
    walks      the same walks for operations that do something else with an entry: `plasticity`, `sddmm`, `delays`
    numbers    updating a number in place, including half precision
    jitc       generated connectivity: its stream, and products with it
"""
