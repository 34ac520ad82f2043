"""Virtual environments for contenders that can't share ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

__all__ = ["environment"]


def environment(name: str, requirements: Sequence[str], *, anew: bool = False) -> str:
    """The interpreter of a virtual environment with ``requirements``, made at the first request and kept.

    They lie in ``$XDG_CACHE_HOME/brainevent-benchmarks``, ``~/.cache`` by default. Other requirements than last time
    make it anew, and ``anew`` does, whatever they are.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brainevent-benchmarks"
    folder = cache / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python, done = scripts / "python", folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if anew or not done.exists() or done.read_text() != wanted:
        print(f"Installing {', '.join(requirements)} into {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, python, requirements)
        done.write_text(wanted)
    return str(python)


def _install(folder: Path, python: Path, requirements: Sequence[str]) -> None:
    uv = shutil.which("uv")
    if uv:  # several times faster
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *requirements], check=True)
    else:
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
