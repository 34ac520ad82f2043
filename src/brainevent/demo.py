"""``python -m brainevent demo``: the COBA network of ``examples/coba.py``, from a wheel or from the repository."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["examples", "main"]


def examples() -> Path:
    """The folder of the example: a wheel brings it beside this file."""
    here = Path(__file__).resolve()
    return next(folder for folder in (here.parent / "examples", here.parents[2] / "examples") if folder.is_dir())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; the return value is the exit status."""
    folder = examples()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))  # its modules import each other, as they do where users have copied them
    status = importlib.import_module("coba").main(None if arguments is None else list(arguments))
    print(f"source      {folder / 'coba.py'}")
    return int(status)
