"""The bodies of kernels in C++, each generated from a `KernelSpec`. Imports neither Warp nor JAX's CUDA plugin.

Bodies are C++ and not Warp's Python because Warp indexes arrays with 32 bits, which are truncated without a word:
`a[2**32 + 5]` reads `a[5]`. A body gets addresses and sizes of 64 bits. It is compiled for GPUs and for CPUs; what
threads of a warp do together is written once, in terms of `preamble`.

    spec       what a kernel is for, and the arrays and sizes it gets
    preamble   types, warps, and how weights, indices, pointers and x are read
    bodies     the strategies: whether the pointers of compressed rows rise; `A @ x`, where a group of lanes sums a row
               (gather); `A.T @ x`, where a warp adds an active row to the result (scatter); both from coordinates, a
               thread for each entry
    walks      the same walks for operations that do something else with an entry: `plasticity`, `sddmm`, `delays`
    numbers    how a number is changed where it is, in half precision too
    jitc       generated connectivity: its stream, and products with it
"""
