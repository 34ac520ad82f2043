"""`NativeKernel`: what the bridge needs to know about a kernel. Imports no Numba."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["NativeKernel"]


@dataclasses.dataclass(frozen=True, eq=False)
class NativeKernel:
    """A kernel that XLA can call without Python.

    Args:
      name: appears in error messages and profiles; of two kernels with one name, the later gets a suffix there.
      build: returns the kernel, a `numba.njit` function (a plain one is compiled with `numba.njit`). Called once, at
        the first use, so that nothing imports Numba earlier. The kernel is called as `kernel(*inputs, *outputs,
        *attributes)`: C-contiguous arrays of the dtypes and ranks of the call, inputs read-only, then the call's
        attributes as scalars, sorted by name. It fills the outputs, whose contents are undefined before (unless
        aliased to an input), and returns a status, 0 for success.
      threads: the kernel's first argument is the call frame's address, to be handed to `threads.parallel_loop`.
      serial: the kernel runs on one thread, and so do all members of a `vmap`. Its arguments are the same.
      returns_status: whether the kernel's result is a status. Without, it is ignored.
      must_write: whether it is an error if the kernel leaves an output as it was; it may then run twice, so no output
        can be aliased to an input.
      messages: what a nonzero status means, for the error that the user sees.
      sources: files whose contents, along with the name, determine the machine code. If given, it is cached on disk,
        and `name` must say all that was closed over. Without them the kernel is compiled once per process.
    """

    name: str
    build: Callable[[], Callable[..., Any]]
    threads: bool = False
    serial: bool = False
    returns_status: bool = True
    must_write: bool = False
    messages: Mapping[int, str] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()
