"""Backends as installed distributions, created by tests."""

import textwrap
from pathlib import Path

DESCRIPTOR = """
from brainevent_core.plugins import Backend
BACKEND = Backend(
    name={name!r}, platforms=("cpu",), api={api}, priority={priority}, available=lambda: {reason!r}, register={register}
)
"""


def install(folder: Path, name: str, source: str, *, distribution: str | None = None) -> None:
    """Put a distribution with one backend into ``folder``, as an installer would."""
    distribution = distribution or f"brainevent-{name}"
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    info = folder / f"{module}-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 3.1\n")
    (info / "entry_points.txt").write_text(f"[brainevent.backends]\n{name} = {module}:BACKEND\n")


def descriptor(
    name: str, *, api: int = 1, priority: int = 0, reason: str | None = None, register: str = "lambda registry: None"
) -> str:
    return DESCRIPTOR.format(name=name, api=api, priority=priority, reason=reason, register=register)
