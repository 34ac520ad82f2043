"""``hatch run bench overhead``.

A trivial kernel (eight additions) runs in a ``lax.fori_loop``: through our native bridge like the built-in kernels, as
a user-defined operator, through ``jax.pure_callback``, and through the published package's bridge. An XLA scatter of
the same size is measured for comparison. Eager products are compared with an eager ``jnp.dot``, and a sweep of weights
over one structure (``jax.vmap``) with the same number of products one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.contest import Task
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, Prepared, measure, titles
from benchmarks.options import Options
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=15, seconds=0.03, patience=10.0)


@dataclass(frozen=True)
class Call:
    """The peers that make the same call, and the name of the one that the others are compared with."""

    name: str
    peers: dict[str, Peer]
    yardstick: str


CONTENDERS = "benchmarks.overhead.contenders"

CALLS = [
    Call(
        "a trivial kernel in a compiled loop",
        {
            "native bridge (ours)": Peer("ours", "ours"),
            "numba_kernel (ours)": Peer("own", "own"),
            "XLA scatter": Peer("scatter", "scatter"),
            "jax.pure_callback": Peer("callback", "pure_callback"),
            f"published {published.VERSION}": published.peer("published"),
        },
        "native bridge (ours)",
    ),
    Call(
        "an eager call from Python",
        {
            "spikes @ CSR, 10 × 10 (ours)": Peer("ours", "eager_product"),
            "jnp.dot, 10 × 10": Peer("jax", "eager_dot"),
        },
        "jnp.dot, 10 × 10",
    ),
    *(
        Call(
            f"8 weight arrays of one structure: {title}",
            {
                "vmap over the weights": Peer("mapped", f"mapped_{function}"),
                "8 products": Peer("single", f"single_{function}"),
            },
            "8 products",
        )
        for function, title in (
            ("csr_left", "spikes @ CSR, 4,000 neurons × 80 synapses, 1 % active"),
            ("csr_right", "CSR @ spikes, 4,000 neurons × 80 synapses, 1 % active"),
            ("fixed_left", "spikes @ FixedPostNumConn, 4,000 neurons × 80 synapses, 1 % active"),
        )
    ),
]


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    calls = [call for call in CALLS if options.selects(call.name)]
    if options.list_only:
        print(*(call.name for call in calls), sep="\n")
        return None
    with following("overhead", len(calls), options.progress) as progress:
        threads = options.threads or 1
        measured = [
            one
            for call in calls
            for one in measure(
                [call],
                call.peers,
                lambda call: Prepared({n: Task(CONTENDERS, peer.module) for n, peer in call.peers.items()}),
                path=ROOT,
                threads=threads,
                clock=options.clock_for(threads),
                effort=options.effort(EFFORT),
                progress=progress,
            )
        ]
    return Report(
        "overhead",
        [_table(one) for one in measured],
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )


def _table(one: Measured[Call]) -> Table:
    lines = []
    for name in one.outcomes:
        seconds, times = one.seconds(name), one.ratio(name, one.case.yardstick)
        if seconds is None or times is None:
            lines.append([name, ratios.missing(one, name), ""])
        else:
            lines.append([name, f"{seconds.median * 1e6:.3g}", f"{times.median:.3g}"])
    head = ["contender", "µs per call", f"times {one.case.yardstick}"]
    return Table(
        f"{one.case.name[0].upper()}{one.case.name[1:]}", head, lines, ratios.remarks([one], titles(one.case.peers))
    )
