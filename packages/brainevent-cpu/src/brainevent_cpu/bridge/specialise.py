"""Compile the functions that a factory makes from static facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def specialised(
    *facts: str, allocates: bool = False, reassociate: bool = False, contract: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit` for a closure over `facts`, which become part of its symbol.

    Symbols of functions that were compiled by different processes and cached meet in one process. Two specialisations
    of one closure would have the same symbol, and the linker would keep only one of them.

    Args:
      *facts: words for all that the closure depends on.
      allocates: whether the function makes or returns arrays, or runs a parallel loop. In others Numba counts no
        references to arrays: where LLVM doesn't inline what is called for every entry, counting takes longer than the
        work, three times in a scatter. They are inlined wherever they are called: a call that passes four arrays on
        costs 28 words, which in rows of 10 entries took as long as the entries (264 us for 10,000 rows, 139 inlined).
      reassociate: allow sums in another order, so that they are vectorised. Infinities and NaN keep their meaning.
      contract: allow a product and a sum to be rounded once, as one instruction.
    """
    fastmath = {flag for flag, allowed in (("reassoc", reassociate), ("contract", contract)) if allowed}

    def decorate(function: Callable[..., Any]) -> Any:
        function.__qualname__ = "_".join((function.__module__, function.__name__, *facts))
        return numba.njit(
            function,
            _nrt=allocates,
            forceinline=not allocates,
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
            fastmath=fastmath or False,
        )

    return decorate
