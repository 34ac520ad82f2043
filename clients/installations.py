"""The clients in two environments: with the published package, and with ours in its place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.environments import environment
from benchmarks.published import VERSION, same_as_ours

__all__ = ["CLIENTS", "Installation", "installations"]

ROOT = Path(__file__).parents[1]

#: Distributions, by the names under which they are imported.
CLIENTS = {
    "brainstate": "brainstate",
    "brainpy": "brainpy",
    "braintools": "braintools",
    "braintrace": "braintrace",
    "brainpy_state": "brainpy-state",
}

_PACKAGES = ("brainevent-core", "brainevent-cpu")

_DESCRIBE = """
import importlib.metadata, json, sys, sysconfig
print(json.dumps({"folder": sysconfig.get_paths()["purelib"],
                  "versions": {name: importlib.metadata.version(name) for name in sys.argv[1:]}}))
"""


@dataclass(frozen=True)
class Installation:
    """An environment.

    Attributes:
        name: "published" or "ours".
        python: its interpreter.
        folder: where its packages are.
        versions: of brainevent, JAX and the clients.
    """

    name: str
    python: str
    folder: Path
    versions: dict[str, str]


def installations(*, upgrade: bool = False) -> tuple[Installation, Installation]:
    """The two, published first; made at the first request.

    Args:
        upgrade: make them anew, with the latest versions of the clients.
    """
    shared = [*same_as_ours(), "pytest"]
    published = _installation("published", [f"brainevent=={VERSION}", *CLIENTS.values(), *shared], upgrade=upgrade)
    # The same clients, whose requirement of `brainevent` the packages of this tree fulfil.
    clients = [f"{name}=={published.versions[name]}" for name in CLIENTS.values()]
    folders = [*(ROOT / "packages" / name for name in _PACKAGES), ROOT]
    editable = [argument for folder in folders for argument in ("--editable", str(folder))]
    return published, _installation("ours", [*editable, *clients, *shared], upgrade=upgrade)


def _installation(name: str, requirements: Sequence[str], *, upgrade: bool) -> Installation:
    python = environment(f"clients-{name}", requirements, anew=upgrade)
    told = subprocess.run(
        [python, "-c", _DESCRIBE, "brainevent", "jax", *CLIENTS.values()], check=True, capture_output=True, text=True
    )
    described = json.loads(told.stdout)
    return Installation(name, python, Path(described["folder"]), described["versions"])
