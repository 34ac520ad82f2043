"""A hatch plugin that removes Python versions that this machine lacks from the test matrix.

By default, hatch would download them, and fail if it can't. ``python-sources`` prevents the download, but hatch 1.18
then considers the environment available, and fails to create it.
"""

import shutil
import subprocess
import sys
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


class InterpreterCollector(EnvironmentCollectorInterface):
    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        for environment in config.values():
            matrix = [_without_missing_pythons(variables) for variables in environment.get("matrix", ())]
            if matrix:
                environment["matrix"] = [variables for variables in matrix if variables] or [{"python": [RUNNING]}]


def _without_missing_pythons(variables: dict[str, list[str]]) -> dict[str, list[str]] | None:
    """One entry of a matrix, with the installed Python versions; None if there are none."""
    if "python" not in variables:
        return variables
    pythons = [version for version in variables["python"] if _exists(version)]
    return {**variables, "python": pythons} if pythons else None


def _exists(version: str) -> bool:
    if version == RUNNING:
        return True
    path = shutil.which(f"python{version}")
    if path is None:
        return False
    # Version managers put commands on the path even for interpreters that they can't run.
    return subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
