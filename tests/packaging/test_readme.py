"""The example in README.md runs as it is printed."""

import re
from pathlib import Path
from typing import Any

import brainunit as u

README = Path(__file__).resolve().parents[2] / "README.md"


def test_readme_example() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["conductance"].shape == (1000,)
    assert names["conductance"].unit == u.nS
    assert names["gradient"].shape == ()
