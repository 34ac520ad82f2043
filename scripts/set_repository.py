"""Write the repository's address into files that are read outside it: metadata, READMEs in registries, the citation.

    python scripts/set_repository.py https://example.org/brainevent

Run it once, when the repository has an address, and again if the address changes.
"""

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: The links that registries show for a distribution, as paths in the repository.
LINKS = {"Source": "", "Documentation": "/tree/main/docs", "Changelog": "/blob/main/CHANGELOG.md", "Issues": "/issues"}

#: A link that this script has written.
_WRITTEN = re.compile(r"\]\(\S+?/(?:blob|tree|raw)/main/([^)\s]+)\)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)\)")


def absolute_links(text: str, url: str, folder: Path, root: Path) -> str:
    """Make links to files of the repository absolute, because registries show the Markdown without these files."""
    text = _WRITTEN.sub(lambda link: f"]({link[1]})", text)

    def absolute(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        path = folder / target if (folder / target).exists() else root / target
        if "://" in target or not path.exists():
            return link[0]
        kind = "raw" if mark else "tree" if path.is_dir() else "blob"
        return f"{mark}[{words}]({url}/{kind}/main/{path.resolve().relative_to(root.resolve()).as_posix()})"

    return _LINK.sub(absolute, text)


def with_urls(pyproject: str, url: str) -> str:
    """A pyproject.toml with its table of project links replaced or added."""
    table = "[project.urls]\n" + "".join(f'{name} = "{url}{path}"\n' for name, path in LINKS.items()) + "\n"
    bare = re.sub(r"\[project\.urls\]\n(?:[^\[\n].*\n)*\n", "", pyproject)
    # After the table `project`, before the next one.
    before, after = re.split(r"(?m)^(?=\[(?!project\]|build-system\]))", bare, maxsplit=1)
    return before + table + after


def set_repository(url: str, root: Path = ROOT) -> list[Path]:
    """Write the address into the files below ``root``; returns the files that changed."""
    url = url.rstrip("/")
    changed = []
    projects = [root, *sorted(path.parent for path in root.glob("packages/*/pyproject.toml"))]
    for project in projects:
        readme, metadata = project / "README.md", project / "pyproject.toml"
        edits = {
            readme: absolute_links(readme.read_text("utf-8"), url, project, root),
            metadata: with_urls(metadata.read_text("utf-8"), url),
        }
        if project == root:
            edits[readme] = re.sub(r"git clone (?:<this repository>|\S+)", f"git clone {url}", edits[readme])
            citation = root / "CITATION.cff"
            bare = re.sub(r"(?m)^repository-code:.*\n", "", citation.read_text("utf-8"))
            edits[citation] = bare.rstrip("\n") + f'\nrepository-code: "{url}"\n'
        for path, text in edits.items():
            if text != path.read_text("utf-8"):
                path.write_text(text, "utf-8")
                changed.append(path)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="for example https://example.org/brainevent")
    options = parser.parse_args()
    if not re.match(r"https?://\S+$", options.url):
        parser.error(f"not an address: {options.url}")
    for path in set_repository(options.url):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
