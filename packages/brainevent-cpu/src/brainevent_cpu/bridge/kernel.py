"""`NativeKernel`: the description of a kernel for the bridge. It doesn't import Numba."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["NativeKernel"]


@dataclasses.dataclass(frozen=True, eq=False)
class NativeKernel:
    """A kernel that XLA can call without Python.

    Args:
      name: for error messages and profiles. If two kernels have the same name, the second one's FFI target gets a
        suffix.
      build: returns the kernel, a `numba.njit` function (a plain function is compiled with `numba.njit`). It is called
        once, at the first use, so that Numba isn't imported earlier. The kernel is called as `kernel(*inputs, *outputs,
        *attributes)`: C-contiguous arrays with the dtypes and ranks of the call, inputs read-only, then the call's
        attributes as scalars, sorted by name. It fills the outputs, which are undefined before (unless aliased to an
        input), and returns a status, 0 for success.
      threads: whether the kernel's first argument is the address of the call frame, for `threads.parallel_loop`.
      serial: whether the kernel and all members of a `vmap` run on one thread. Its arguments are the same.
      returns_status: whether the kernel's result is a status. Otherwise it is ignored.
      must_write: whether it is an error if the kernel doesn't write an output; it may then run twice, so no output
        can be aliased to an input.
      messages: the meaning of a nonzero status, for the error message.
      sources: files whose contents, together with the name, determine the machine code. If given, the code is cached on
        disk, and `name` must contain everything that the kernel closes over. Otherwise the kernel is compiled once per
        process.
    """

    name: str
    build: Callable[[], Callable[..., Any]]
    threads: bool = False
    serial: bool = False
    returns_status: bool = True
    must_write: bool = False
    messages: Mapping[int, str] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()
