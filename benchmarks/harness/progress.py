"""A progress bar over cases."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tqdm import tqdm

__all__ = ["following"]


@contextlib.contextmanager
def following(what: str, cases: int, shown: bool) -> Iterator[Callable[[str, str], None]]:
    """A bar that counts cases, where there is a terminal; the function to call with a case and what is done for it."""
    hidden = None if shown else True  # None leaves it to tqdm to look for a terminal
    layout = "{desc} {n_fmt}/{total_fmt} |{bar:20}| {elapsed} {postfix}"
    with tqdm(total=cases, desc=what, disable=hidden, bar_format=layout, leave=False) as bar:
        current: list[str] = []

        def follow(case: str, doing: str) -> None:
            if current and current[-1] != case:
                bar.update()
            if not current or current[-1] != case:
                current.append(case)
            bar.set_postfix_str(f"{case}: {doing}")

        yield follow
