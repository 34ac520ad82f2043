"""Build the sdist and the wheel of every distribution into one folder."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))]


def build(project: Path, target: str, folder: Path) -> Path:
    """Build ``target`` ("sdist" or "wheel") of the project in a folder, with the hatchling of this environment."""
    hook = f"import sys, hatchling.build; print(hatchling.build.build_{target}(sys.argv[1]))"
    # With a fixed date, builds of the same contents are identical files.
    environment = {"SOURCE_DATE_EPOCH": "1577836800", **os.environ}
    result = subprocess.run(
        [sys.executable, "-c", hook, str(folder)],
        cwd=project,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return folder / result.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / "dist", help="output folder (default: dist/)")
    parser.add_argument("--clean", action="store_true", help="empty the folder first")
    options = parser.parse_args()
    folder = options.directory.resolve()
    if options.clean:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for project in PROJECTS:
        for target in ("sdist", "wheel"):
            print(build(project, target, folder).name)


if __name__ == "__main__":
    main()
