"""``hatch run bench overhead``: what it costs to call a kernel at all.

A trivial kernel (eight additions) runs 10,000 times in a ``lax.fori_loop``, through our native bridge, through
``jax.pure_callback``, and through the published package's bridge; an XLA scatter of the same size stands beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from benchmarks.contest import Contender, compete, environment, table
from benchmarks.overhead_contenders import CALLS

__all__ = ["run"]

PUBLISHED = "brainevent==0.2.1"


def run(rounds: int = 15, *, progress: bool = True) -> dict[str, Any]:
    """Measure, print two tables, and return the figures."""
    module = Path(__file__).with_name("overhead_contenders.py")
    theirs = environment("published-0.2.1", [PUBLISHED, f"jax=={jax.__version__}", "numba"])
    loops = compete(
        [
            Contender("native bridge (ours)", module, "ours"),
            Contender("XLA scatter", module, "scatter"),
            Contender("jax.pure_callback", module, "pure_callback"),
            Contender("published 0.2.1", module, "published", theirs),
        ],
        rounds,
        progress=progress,
    )
    eager = compete(
        [
            Contender("spikes @ CSR, 10 x 10 (ours)", module, "eager_product"),
            Contender("jnp.dot, 10 x 10", module, "eager_dot"),
        ],
        rounds,
        progress=progress,
    )
    ours = loops["native bridge (ours)"]
    dot = eager["jnp.dot, 10 x 10"]
    print(f"\nOne call of a trivial kernel inside lax.fori_loop, median of {rounds} interleaved rounds")
    lines = [(n, f"{r.median / CALLS * 1e6:.3f}", f"{r.ratio_to(ours):.1f}") for n, r in loops.items()]
    print("\n".join(table(("contender", "µs per call", "times ours"), lines)))
    print("\nOne eager call")
    lines = [(n, f"{r.median / 2_000 * 1e6:.2f}", f"{r.ratio_to(dot):.2f}") for n, r in eager.items()]
    print("\n".join(table(("contender", "µs per call", "times jnp.dot"), lines)))
    return {
        "calls": CALLS,
        "loop": {n: {"seconds": r.seconds, "versions": dict(r.versions)} for n, r in loops.items()},
        "eager": {n: {"seconds": r.seconds, "versions": dict(r.versions)} for n, r in eager.items()},
    }
