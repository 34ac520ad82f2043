"""Virtual environments for contenders that can't share ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["environment"]


def environment(name: str, requirements: Sequence[str], *, anew: bool = False, python: tuple[int, int] = (3, 0)) -> str:
    """The interpreter of a virtual environment with ``requirements``, which is created on first use and kept.

    Environments are in ``$XDG_CACHE_HOME/brainevent-benchmarks``, ``~/.cache`` by default. They are created again if
    the requirements have changed, or with ``anew``.

    Args:
        name: of the environment.
        requirements: in pip's format.
        anew: create it again in any case.
        python: the oldest version of Python that it may have.

    Raises:
        OSError: if there is no such version of Python.
        CalledProcessError: if something can't be installed.
    """
    base, version = _interpreter(python)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brainevent-benchmarks"
    folder = cache / f"{name}-py{version}"
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    command, done = scripts / "python", folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if anew or not done.exists() or done.read_text() != wanted:
        print(f"Installing {', '.join(requirements)} into {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, base, command, requirements)
        done.write_text(wanted)
    return str(command)


def _interpreter(oldest: tuple[int, int]) -> tuple[str, str]:
    """A Python interpreter that isn't older, and its version: the running one, or the oldest suitable one."""
    running = sys.version_info[:2]
    if running >= oldest:
        return sys.executable, f"{running[0]}.{running[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(oldest[1], oldest[1] + 4):
        version = f"{oldest[0]}.{minor}"
        for path in (
            shutil.which(f"python{version}"),
            *sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}"))),
        ):
            # Version managers put commands on the path even for interpreters that they can't run.
            if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
                return path, version
    raise OSError(f"it needs Python {oldest[0]}.{oldest[1]} or later, and this machine has none")


def _install(folder: Path, base: str, python: Path, requirements: Sequence[str]) -> None:
    uv = shutil.which("uv")
    if uv:  # several times faster
        subprocess.run([uv, "venv", "-q", "--python", base, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *requirements], check=True)
    else:
        subprocess.run([base, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
