"""Tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["markdown", "plain"]

Lines = Sequence[Sequence[str]]


def plain(head: Sequence[str], lines: Lines) -> Iterator[str]:
    """Lines of a table whose first column is aligned left, the others right."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    for line in (head, *lines):
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        yield "  ".join([first, *rest]).rstrip()


def markdown(head: Sequence[str], lines: Lines) -> Iterator[str]:
    """The same as a table of Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for line in lines:
        yield "| " + " | ".join(line) + " |"
