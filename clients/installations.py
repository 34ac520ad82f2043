"""Two environments with the clients: one with the published package, one with ours in its place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness.environments import environment
from benchmarks.published import VERSION, newest_requirements, same_as_ours

__all__ = ["CLIENTS", "Installation", "installations"]

ROOT = Path(__file__).parents[1]

#: Distributions by import name.
CLIENTS = {
    "brainstate": "brainstate",
    "brainpy": "brainpy",
    "braintools": "braintools",
    "braintrace": "braintrace",
    "brainpy_state": "brainpy-state",
    "braincell": "braincell",
}

#: Clients without a current release: brainpy_state says that its models have moved to brainpy.
_RETIRED = ("brainpy_state",)

#: The Python version for the newest clients, which no longer support the oldest version that ours supports.
_NEWEST_PYTHON = (3, 13)

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
        folder: the folder of its packages.
        versions: the versions of brainevent, JAX and the clients.
    """

    name: str
    python: str
    folder: Path
    versions: dict[str, str]


def installations(*, upgrade: bool = False, newest: bool = False) -> tuple[Installation, Installation]:
    """The published and our environment, in this order, which are created on the first call.

    Args:
        upgrade: create them again, with the latest versions of the clients.
        newest: use the newest published release, with versions of Python and JAX that it and its clients support.

    Raises:
        OSError: if this version of Python is not installed.
    """
    names = [name for module, name in CLIENTS.items() if not (newest and module in _RETIRED)]
    make = partial(_installation, upgrade=upgrade, python=_NEWEST_PYTHON if newest else (3, 0), names=names)
    kind = "newest-" if newest else ""
    package = newest_requirements() if newest else [f"brainevent=={VERSION}", *same_as_ours()]
    published = make(f"{kind}published", [*package, *names, "pytest"])
    # The same versions of the clients; the packages of this tree satisfy their requirement of `brainevent`.
    clients = [f"{name}=={version}" for name, version in published.versions.items() if name != "brainevent"]
    folders = [*(ROOT / "packages" / name for name in _PACKAGES), ROOT]
    editable = [argument for folder in folders for argument in ("--editable", str(folder))]
    shared = [one for one in package if not one.startswith("brainevent==")]
    return published, make(f"{kind}ours", [*editable, *clients, *shared, "pytest"])


def _installation(
    name: str, requirements: Sequence[str], *, upgrade: bool, python: tuple[int, int], names: Sequence[str]
) -> Installation:
    command = environment(f"clients-{name}", requirements, anew=upgrade, python=python)
    told = subprocess.run(
        [command, "-c", _DESCRIBE, "brainevent", "jax", *names], check=True, capture_output=True, text=True
    )
    described = json.loads(told.stdout)
    return Installation(name, command, Path(described["folder"]), described["versions"])
