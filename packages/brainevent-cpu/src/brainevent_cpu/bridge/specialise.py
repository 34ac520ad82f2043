"""Compile functions that compiled ones call, among them those that a factory makes from static facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from .linked import LinkedCompiler

#: `numba.njit` for what compiled functions alone call: wrappers for Python and for C would take 20 ms of compilation.
internal = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=LinkedCompiler)


def specialised(
    *facts: str, allocates: bool = False, link: bool = False, reassociate: bool = False, contract: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit` for a closure over `facts`, which become part of its symbol.

    So symbols don't depend on what was compiled before, and say in profiles which specialisation they are.

    Args:
      *facts: words for all that the closure depends on.
      allocates: whether the function makes or returns arrays, or runs a parallel loop. In others Numba counts no
        references to arrays: where LLVM doesn't inline what is called for every entry, counting takes longer than the
        work, three times in a scatter. They are inlined wherever they are called: a call that passes four arrays on
        costs 28 words, which in rows of 10 entries took as long as the entries (264 us for 10,000 rows, 139 inlined).
      link: whether it is a link of a chain of functions that allocate, each of which calls the next one. LLVM would
        compile the end of the chain once for each link, so Numba puts them together before: a scatter is compiled in
        4.3 s instead of 5.4. Numba doesn't drop branches that `facts` rule out then.
      reassociate: allow sums in another order, so that they are vectorised. Infinities and NaN keep their meaning.
      contract: allow a product and a sum to be rounded once, as one instruction.
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
