"""A progress bar over cases."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["following"]


@contextlib.contextmanager
def following(what: str, cases: int, shown: bool) -> Iterator[Callable[[str, str], None]]:
    """A progress bar over cases if there is a terminal; yields a function to call with a case and its current step.

    Without tqdm, a line that counts cases.
    """
    current: list[str] = []
    try:
        from tqdm import tqdm
    except ImportError:

        def count(case: str, doing: str) -> None:
            if not current or current[-1] != case:
                current.append(case)
                print(f"\r{what}: {len(current)} of {cases} cases", end="", file=sys.stderr, flush=True)

        talks = shown and sys.stderr.isatty()
        yield count if talks else lambda case, doing: None
        if talks:
            print(file=sys.stderr)
        return
    hidden = None if shown else True  # None: tqdm checks whether there is a terminal
    layout = "{desc} {n_fmt}/{total_fmt} |{bar:20}| {elapsed} {postfix}"
    with tqdm(total=cases, desc=what, disable=hidden, bar_format=layout, leave=False) as bar:

        def follow(case: str, doing: str) -> None:
            if current and current[-1] != case:
                bar.update()
            if not current or current[-1] != case:
                current.append(case)
            bar.set_postfix_str(f"{case}: {doing}")

        yield follow
