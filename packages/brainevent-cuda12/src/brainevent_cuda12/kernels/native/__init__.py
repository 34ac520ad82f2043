"""The bodies of kernels in C++, each generated from a `KernelSpec`. Imports neither Warp nor JAX's CUDA plugin.

Bodies are C++ and not Warp's Python because Warp indexes arrays with 32 bits, which are truncated without a word:
`a[2**32 + 5]` reads `a[5]`. A body gets addresses and sizes of 64 bits. It is compiled for GPUs and for CPUs; what
threads of a warp do together is written once, in terms of `preamble`.

    spec          what a kernel is for, and the arrays and sizes it gets
    preamble      types, warps, and how weights, indices, pointers and x are read
    pointers      whether the pointers of compressed rows rise
    gather        `A @ x`: a group of lanes sums a row
    scatter       `A.T @ x`: a warp adds an active row to the result
    coordinates   `A @ x` and `A.T @ x` from coordinates, a thread for each entry
"""
