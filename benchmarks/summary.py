"""The table of ``docs/performance.md``: about ten figures that users ask for, taken from ``docs/benchmarks.md``.

``hatch run bench ... --docs`` updates it after writing results to that page; ``python -m benchmarks.summary`` updates
it without measuring anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROWS", "Figure", "Row", "summary", "update"]

DOCS = Path(__file__).parents[1] / "docs"

BEGIN, END = "<!-- begin summary -->", "<!-- end summary -->"


@dataclass(frozen=True)
class Figure:
    """A cell of a table on the page of results.

    Attributes:
        benchmark: the section.
        line: the first cell of its row.
        column: the heading of its column.
    """

    benchmark: str
    line: str
    column: str


@dataclass(frozen=True)
class Row:
    """A row of the summary.

    Attributes:
        task: description of the task.
        time: our time.
        unit: the unit of ``time`` in seconds.
        others: how many times as long others take, by name.
    """

    task: str
    time: Figure
    unit: float
    others: dict[str, Figure]


def _network(neurons: str) -> Row:
    def figure(who: str, column: str = "× brainevent") -> Figure:
        return Figure("network", f"{neurons} neurons: {who}", column)

    return Row(
        f"one second of the COBA network, {neurons} neurons with 80 inputs each, 10,000 steps",
        figure("brainevent", "µs per step"),
        1e-6 * 10_000,
        {
            "Brian2 C++ (exact)": figure("Brian2 C++"),
            "Brian2 C++ (Euler)": figure("Brian2 C++, Euler"),
            "brainpy": figure("brainpy"),
            "brainevent 0.2.1": figure("published 0.2.1"),
        },
    )


def _product(task: str, case: str, *others: str, benchmark: str = "products") -> Row:
    names = {"published 0.2.1": "brainevent 0.2.1"}
    figures = {names.get(other, other): Figure(benchmark, case, f"× {other}") for other in others}
    return Row(task, Figure(benchmark, case, "µs"), 1e-6, figures)


def _first_product(task: str, cache: str) -> Row:
    def figure(who: str, column: str) -> Figure:
        return Figure("startup", f"{who}, {cache} cache", column)

    others = {"brainevent 0.2.1": figure("published 0.2.1", "× brainevent")}
    return Row(task, figure("brainevent", "all but the first"), 1, others)


_PUBLISHED, _ALL = ("published 0.2.1",), ("SciPy", "jax.experimental.sparse", "published 0.2.1")

ROWS = [
    *(_network(neurons) for neurons in ("4,000", "16,000", "40,000")),
    _product(
        "`spikes @ W`: 100 of 10,000 neurons spike, 100 targets each",
        "spikes@csr/n=10000/density=1%/active=1%",
        *_ALL,
    ),
    _product(
        "`spikes @ W`: 500 of 50,000 neurons spike, 500 targets each",
        "spikes@csr/n=50000/density=1%/active=1%",
        *_ALL,
    ),
    _product("`W @ v`: floats, 10,000 neurons with 100 inputs each", "csr@v/n=10000/density=1%", *_ALL),
    _product("`W @ spikes`: the same, 100 neurons spike", "csr@spikes/n=10000/density=1%/active=1%", *_ALL),
    _product(
        "`spikes @ R`: connectivity generated on the fly, 1,000 of 100,000 neurons spike, 100 targets each",
        "spikes@R/scalar/n=100000/p=0.001/active=1%",
        *_PUBLISHED,
        benchmark="jitc",
    ),
    _product(
        "plasticity: weights of 100 spiking neurons of 10,000, 100 targets each",
        "csr/pre/clip=updated/n=10000/density=1%/active=1%",
        *_PUBLISHED,
        benchmark="plasticity",
    ),
    _product(
        "`connect.pairwise_bernoulli`: ten million synapses among 10,000 neurons",
        "pairwise_bernoulli/n=10000/degree=1000",
        "braintools 0.3.0",
        benchmark="connect",
    ),
    _first_product("a new process until its first product, kernels on disk", "warm"),
    _first_product("a new process until its first product, kernels compiled", "cold"),
]


def summary(results: str, rows: Sequence[Row] = ROWS) -> Iterator[str]:
    """Lines of Markdown: the table, and the machines of its figures. Rows without a known time are omitted."""
    sections = dict(re.findall(r"<!-- begin (\w+) -->(.*?)<!-- end \1 -->", results, re.DOTALL))
    yield from ("| task | time | time of others, relative to this |", "| --- | ---: | --- |")
    used: dict[str, None] = {}
    for row in rows:
        time = _number(sections, row.time)
        if time is None:
            continue
        used[row.time.benchmark] = None
        others = {name: _number(sections, figure) for name, figure in row.others.items()}
        beside = ", ".join(f"{name} {_short(ratio)}×" for name, ratio in others.items() if ratio is not None)
        yield f"| {row.task} | {_seconds(time * row.unit)} | {beside} |"
    yield ""
    sources: dict[str, list[str]] = {}
    for benchmark in used:
        source = re.search(r"^\*`.*?` on (\S+): (.*?)\.\*$", sections[benchmark], re.MULTILINE)
        if source is not None:
            sources.setdefault(source[2], []).append(f"{benchmark} on {source[1]}")
    for machine, benchmarks in sources.items():
        yield f"- {machine}: {', '.join(benchmarks)}"


def update(results: Path = DOCS / "benchmarks.md", page: Path = DOCS / "performance.md") -> None:
    """Update the table from the page of results.

    Raises:
        ValueError: if the page has no markers for it.
    """
    lines = [BEGIN, "", *summary(results.read_text(encoding="utf-8")), "", END]
    text, places = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: "\n".join(lines),
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if places != 1:
        raise ValueError(f"{page} has no place for the summary: it must contain {BEGIN!r} and {END!r}.")
    page.write_text(text, encoding="utf-8")


def _number(sections: dict[str, str], figure: Figure) -> float | None:
    """The figure, without the quartiles after it."""
    head: list[str] = []
    for line in sections.get(figure.benchmark, "").splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        head = head or cells
        if cells[0] == figure.line and figure.column in head:
            found = re.match(r"[\d.]+", cells[head.index(figure.column)])
            return float(found[0]) if found else None
    return None


def _short(number: float) -> str:
    """Two significant digits are enough for a comparison."""
    return f"{float(f'{number:.2g}'):,g}"


def _seconds(seconds: float) -> str:
    unit, size = next((one for one in (("s", 1), ("ms", 1e-3)) if seconds >= one[1]), ("µs", 1e-6))
    return f"{_short(seconds / size)}\N{NO-BREAK SPACE}{unit}"


if __name__ == "__main__":
    update()
