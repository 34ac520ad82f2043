"""Set the version of all six distributions: their metadata, the pins between them, ``__version__``, and the citation.

python scripts/bump_version.py 1.1.0
"""

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("packages/*/pyproject.toml"))]
CITATION = ROOT / "CITATION.cff"
MODULES = sorted(ROOT.glob("packages/*/src/*/__init__.py"))

CITED = re.compile(r"^(version: ).*", re.MULTILINE)
VERSION = re.compile(r'^(version = )"[^"]*"', re.MULTILINE)
PIN = re.compile(r'("brainevent-[a-z0-9]+(?:\[[a-z]+\])?==)[^"]*"')
DUNDER = re.compile(r'^(__version__ = )"[^"]*"', re.MULTILINE)


def version(text: str) -> str:
    """A release number. Pre-releases are not allowed: installers would prefer the published releases."""
    if not re.fullmatch(r"\d+\.\d+\.\d+(\.post\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version of the form 1.2.3")
    return text


def bump(new: str) -> None:
    for path in [*PROJECTS, *MODULES, CITATION]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            changed, count = VERSION.subn(rf'\g<1>"{new}"', text)
            changed = PIN.sub(rf'\g<1>{new}"', changed)
        elif path == CITATION:
            changed, count = CITED.subn(rf"\g<1>{new}", text)
        else:
            changed, count = DUNDER.subn(rf'\g<1>"{new}"', text)
        if count != 1:
            raise SystemExit(f"{path.relative_to(ROOT)}: expected one version, found {count}")
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            print(path.relative_to(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=version)
    bump(parser.parse_args().version)
    print("Now add a section to CHANGELOG.md, and run `hatch env prune`: the environments hold the old version.")


if __name__ == "__main__":
    main()
