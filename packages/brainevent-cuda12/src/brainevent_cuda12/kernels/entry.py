"""The only kernel in Warp's Python, which passes its arguments to a body in C++.

Warp reads the source of this file. All kernels have the same parameters, of 8 bytes each: addresses, then sizes.
"""

from typing import Any

import warp as wp

__all__ = ["make_kernel"]


def make_kernel(name: str, body: str, module: str) -> Any:
    """A Warp kernel with a C++ body, in a module named `module`.

    The body can use `tid`, the number of its thread (only on CPU: on a GPU it has 32 bits, and the body computes its
    own), addresses `p0` to `p7`, and sizes `s0` to `s7`: the numbers of these are in `native.spec`.
    """
    native = wp.func_native(body)(_native)

    # `wp.tid()` has 32 bits; there is no 64-bit version.
    def kernel(  # type: ignore[no-untyped-def]
        p0: wp.uint64,
        p1: wp.uint64,
        p2: wp.uint64,
        p3: wp.uint64,
        p4: wp.uint64,
        p5: wp.uint64,
        p6: wp.uint64,
        p7: wp.uint64,
        s0: wp.int64,
        s1: wp.int64,
        s2: wp.int64,
        s3: wp.int64,
        s4: wp.int64,
        s5: wp.int64,
        s6: wp.int64,
        s7: wp.int64,
    ):
        native(wp.int64(wp.tid()), p0, p1, p2, p3, p4, p5, p6, p7, s0, s1, s2, s3, s4, s5, s6, s7)

    kernel.__name__ = kernel.__qualname__ = name
    # Bodies compute their thread number (see `native`): without Warp's grid-stride loop, a gather has a third of the
    # instructions.
    options: dict[str, Any] = {"enable_backward": False, "module": module}
    try:
        return wp.kernel(kernel, grid_stride=False, **options)
    except TypeError:  # Warp 1.16
        return wp.kernel(kernel, **options)


def _native(  # type: ignore[no-untyped-def]
    tid: wp.int64,
    p0: wp.uint64,
    p1: wp.uint64,
    p2: wp.uint64,
    p3: wp.uint64,
    p4: wp.uint64,
    p5: wp.uint64,
    p6: wp.uint64,
    p7: wp.uint64,
    s0: wp.int64,
    s1: wp.int64,
    s2: wp.int64,
    s3: wp.int64,
    s4: wp.int64,
    s5: wp.int64,
    s6: wp.int64,
    s7: wp.int64,
): ...
