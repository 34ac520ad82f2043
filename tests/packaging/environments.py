"""Virtual environments to install the distributions into."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Environment", "run"]


class Environment:
    """A virtual environment, isolated from this repository and from the variables of the current one."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.wheels = wheels
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        run("uv", "venv", "--seed", "--python", sys.executable, str(folder))

    def pip(self, *arguments: str) -> str:
        """Install with pip, as users do, from the registry and from the folder of wheels."""
        return run(str(self.python), "-m", "pip", "install", "--find-links", str(self.wheels), *arguments)

    def uv(self, *arguments: str) -> str:
        """Install with uv, which is much faster, for tests that don't test pip."""
        return run("uv", "pip", "install", "--python", str(self.python), "--find-links", str(self.wheels), *arguments)

    def run(self, code: str) -> str:
        return run(str(self.python), "-W", "error::ImportWarning", "-c", code, cwd=self.folder)

    def script(self, name: str, *arguments: str) -> str:
        return run(str(self.python.with_name(name)), *arguments, cwd=self.folder)

    def fail(self, name: str, *arguments: str) -> str:
        """Run a script that must fail, and return its output on stderr."""
        command = [str(self.python.with_name(name)), *arguments]
        result = subprocess.run(command, cwd=self.folder, env=_clean(), capture_output=True, text=True)
        assert result.returncode == 2, result.stdout + result.stderr
        return result.stderr


def _clean() -> dict[str, str]:
    """The environment variables of this process, without those that point to its own packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*command: str, cwd: Path | None = None) -> str:
    result = subprocess.run(command, cwd=cwd, env=_clean(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout
