"""Tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Table", "markdown", "plain"]


@dataclass(frozen=True)
class Table:
    """Cells of text.

    Attributes:
        title: the title above the table.
        head: names of the columns.
        lines: the rows, with a cell for each column.
        remarks: lines below the table.
    """

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()


def plain(table: Table) -> Iterator[str]:
    """Lines of text; the first column is aligned left, the others right."""
    yield from (table.title, "")
    rows = [table.head, *table.lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    for row in rows:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        yield "  ".join([first, *rest]).rstrip()
    yield from table.remarks


def markdown(table: Table) -> Iterator[str]:
    """The same in Markdown, without the title."""
    yield "| " + " | ".join(table.head) + " |"
    yield "| --- |" + " ---: |" * (len(table.head) - 1)
    for line in table.lines:
        yield "| " + " | ".join(line) + " |"
    for remark in table.remarks:
        yield from ("", remark)
