"""Compile functions that only compiled ones call, including closures that a factory creates from static facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from .linked import LinkedCompiler

#: `numba.njit` for functions that only compiled ones call: wrappers for Python and C would take 20 ms to compile.
internal = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=LinkedCompiler)


def specialised(
    *facts: str, allocates: bool = False, link: bool = False, reassociate: bool = False, contract: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit` for a closure over `facts`, which become part of its symbol.

    Symbols therefore don't depend on what was compiled before, and identify the specialisation in profiles.

    Args:
      *facts: words for everything that the closure depends on.
      allocates: whether the function creates or returns arrays, or runs a parallel loop. In other functions, Numba
        counts no references to arrays: in a function that is called per entry and that LLVM doesn't inline, counting
        takes longer than the work, three times as long in a scatter. These functions are inlined at every call: a call
        with four arrays passes 28 words, which in rows of 10 entries took as long as the entries (264 us for 10,000
        rows, 139 inlined).
      link: whether it is a link of a chain of allocating functions, each of which calls the next one. LLVM would
        compile the end of the chain once per link, so Numba merges the chain first: a scatter is compiled in 4.3
        instead of 5.4 s. In this case, Numba doesn't prune branches that `facts` rule out.
      reassociate: allow sums in another order, so that they can be vectorised. Infinities and NaN keep their meaning.
      contract: allow a product and a sum to be fused into one instruction, with a single rounding.
    """
    fastmath = {flag for flag, allowed in (("reassoc", reassociate), ("contract", contract)) if allowed}

    def decorate(function: Callable[..., Any]) -> Any:
        function.__qualname__ = "_".join((function.__module__, function.__name__, *facts))
        return numba.njit(
            function,
            _nrt=allocates or link,
            forceinline=not (allocates or link),
            inline="always" if link else "never",
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
            pipeline_class=LinkedCompiler,
            fastmath=fastmath or False,
        )

    return decorate
