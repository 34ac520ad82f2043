"""``hatch run bench overhead``: what it costs to call a kernel at all.

A trivial kernel (eight additions) runs in a ``lax.fori_loop``, through our native bridge, through
``jax.pure_callback``, and through the published package's bridge; an XLA scatter of the same size stands beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.contest import Contender, Contest, Task
from benchmarks.harness.environments import environment
from benchmarks.harness.figures import Outcome, ratio
from benchmarks.options import Options
from benchmarks.published import requirements as published

__all__ = ["run"]

LOOP = {
    "native bridge (ours)": "ours",
    "XLA scatter": "scatter",
    "jax.pure_callback": "pure_callback",
    "published 0.2.1": "published",
}
EAGER = {"spikes @ CSR, 10 × 10 (ours)": "eager_product", "jnp.dot, 10 × 10": "eager_dot"}


def run(options: Options) -> dict[str, Any]:
    """Measure, print two tables, and return the figures."""
    if options.list_only:
        print("\n".join([*LOOP, *EAGER]))
        return {}
    figures = {}
    for title, contenders, yardstick in (
        ("One call of a trivial kernel inside lax.fori_loop", LOOP, "native bridge (ours)"),
        ("One eager call", EAGER, "jnp.dot, 10 × 10"),
    ):
        outcomes = _compete(contenders, options)
        print(f"\n{title}: median of {options.effort.rounds} interleaved rounds, {options.clock} time")
        head = ("contender", "µs per call", f"times {yardstick}")
        print("\n".join(tables.plain(head, [_line(n, o, outcomes[yardstick], options) for n, o in outcomes.items()])))
        figures[title] = {name: outcome.as_json() for name, outcome in outcomes.items()}
    return figures


def _compete(contenders: dict[str, str], options: Options) -> dict[str, Outcome]:
    theirs = environment("published", published())
    tasks = {}
    for name, function in contenders.items():
        contender = Contender(name, theirs) if function == "published" else Contender(name)
        tasks[contender] = Task("benchmarks.overhead_contenders", function)
    with Contest(threads=options.threads, path=[Path(__file__).parents[1]]) as contest:
        return contest.compete(tasks, options.effort)


def _line(name: str, outcome: Outcome, yardstick: Outcome, options: Options) -> list[str]:
    if not outcome.measured:
        return [name, outcome.status, outcome.reason or ""]
    times = ratio(outcome, yardstick, options.clock).median
    return [name, f"{outcome.seconds(options.clock).median * 1e6:.3f}", f"{times:.2f}"]
