"""Checks the links of the built site: each address within the site must name an existing file and element.

``conf.py`` runs the check after each build. A broken link is a warning, which makes ``hatch run docs:build`` fail.
Only the form of external links is checked.
"""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

# Sphinx quotes all attributes and escapes all text, so regular expressions suffice, in a tenth of the time of a parser.
ADDRESS = re.compile(r'<(?:(?:a|link)\s(?:[^>]*?\s)?href|(?:img|script|source)\s(?:[^>]*?\s)?src)="([^"]+)"')
ANCHOR = re.compile(r'<[^>]*?\s(?:id|name)="([^"]+)"')

HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
DOI = re.compile(r"/10\.\d{4,}/\S+")


class Page(NamedTuple):
    """The addresses and the anchors of a page."""

    addresses: frozenset[str]
    anchors: frozenset[str]

    @classmethod
    def of(cls, html: str) -> "Page":
        return cls(*(frozenset(map(unescape, found.findall(html))) for found in (ADDRESS, ANCHOR)))


def broken(site: Path) -> Iterator[str]:
    """A message for each broken link of the pages in a folder."""
    site = site.resolve()
    pages = {path: Page.of(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for address in sorted(page.addresses):
            fault = _fault(address, path, site, pages)
            if fault:
                yield f"{path.relative_to(site)}: the link to {address!r} {fault}"


def _fault(address: str, path: Path, site: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return _fault_of_external(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(site) or not target.is_file():
        return "names no file of the site"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"names no element of {target.relative_to(site)}"
    return None


def _fault_of_external(address: str) -> str | None:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return None
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(parts.hostname or "") or re.search(r"\s", address):
        return "is no address of the web"
    if parts.hostname == "doi.org" and not DOI.fullmatch(parts.path):
        return "is no DOI"
    return None
