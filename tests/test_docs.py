"""The examples in docstrings and on the pages of the documentation give the results that are printed there.

`hatch run docs:doctest` runs all of them through Sphinx; some are tested here in every run and on every Python version.
"""

import doctest
import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from tests.kernel_languages import language_or_skip

import brainevent
import brainevent_core
from brainevent_core import config
from brainevent_core.encodings import ENCODINGS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

SUBMODULES = pkgutil.walk_packages(brainevent_core.__path__, "brainevent_core.")
MODULES = ["brainevent_core", *(module.name for module in SUBMODULES if not module.name.endswith("__main__"))]
TUTORIALS = sorted(page.stem for page in (DOCS / "tutorials").glob("*.md") if page.stem != "index")
PICTURES = ["coba", *sorted(path.stem.removeprefix("example-") for path in DOCS.glob("_static/example-*.png"))]
PAGES = sorted(page for page in DOCS.rglob("*.md") if "```{doctest}" in page.read_text())


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are the same with all kernels, and these compile fastest."""
    monkeypatch.setenv(config.ENVIRONMENT_VARIABLE, config.REFERENCE)


def run(test: doctest.DocTest) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        run(test)


@pytest.mark.parametrize("name", ["numba_kernel", "warp_kernel", "pallas_kernel"])
def test_examples_of_kernel_languages(name: str) -> None:
    module = importlib.import_module(language_or_skip(name).__module__)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        run(test)


def test_what_users_start_from_has_an_example() -> None:
    for name in ("BinaryArray", "CSR", "COO", "Dense", "FixedPostNumConn", "matmul", "use_backend", "XLACustomKernel"):
        assert ">>>" in (getattr(brainevent, name).__doc__ or ""), f"brainevent.{name} has no example"


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_examples_in_pages(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem in ("choosing-a-backend", "debugging", "own-operators"):
        pytest.importorskip("brainevent_cpu")
        monkeypatch.delenv(config.ENVIRONMENT_VARIABLE)
    if page.stem == "own-operators":
        language_or_skip("warp_kernel")
        language_or_skip("pallas_kernel")
    # Fences would be interpreted as output; blank lines in their place preserve line numbers.
    text = re.sub(r"(?m)^```.*$", "", page.read_text())
    run(doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, page.name, str(page), 0))


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("gallery")


@pytest.fixture
def notebooks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("notebooks")


def test_every_example_is_in_the_gallery_with_its_paper_and_picture(gallery: Any) -> None:
    files = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert files - {one.name for one in gallery.EXAMPLES} == {"simulation", "coba_options", "coba_plot", "coba_report"}
    for example in gallery.EXAMPLES:
        page = gallery.page(example)
        assert page.startswith("# "), example.name
        if example.name != "devices":
            assert "https://doi.org" in page, f"{example.name} names no paper"
            assert example.alt
            assert example.name in PICTURES, f"{example.name} has no picture: run docs/gallery.py {example.name}"
        assert f"<examples/{example.name}>\n" in gallery.index()
        for _, path in re.findall(r"\{(download|literalinclude)\}(?:`[^`]+<| )([^>`\n]+)", page):
            assert (DOCS / "examples" / path).resolve().exists(), f"{example.name}: {path}"


# On the same machine, pictures are identical. A chaotic network with another seed differs by 0.1 to 0.35, another
# example by 0.5 or more, and a blank picture by 1.
DIFFERENCE = 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_page_of_the_gallery_shows_what_its_example_draws_and_prints(
    name: str, gallery: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(config.ENVIRONMENT_VARIABLE)
    (example,) = (one for one in gallery.EXAMPLES if one.name == name)
    picture, printed = gallery.draw(example, tmp_path)
    repeat = f"python docs/gallery.py {name}"
    assert gallery.form(printed) == gallery.form(example.printed.read_text(encoding="utf-8")), repeat
    assert gallery.difference(picture, example.picture) < DIFFERENCE, repeat


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("name", TUTORIALS)
def test_notebooks_run_from_top_to_bottom(name: str, notebooks: Any, gallery: Any, tmp_path: Path) -> None:
    assert name in notebooks.TUTORIALS
    text = json.dumps(notebooks.notebook(name))
    assert "{doc}" not in text
    assert ">>>" not in text
    picture = notebooks.draw(name, tmp_path)
    assert gallery.difference(picture, DOCS / "_static" / picture.name) < DIFFERENCE, f"python docs/notebooks.py {name}"


#: Paraphrases, and the corresponding terms of the field.
PARAPHRASES = {
    r"costs? what (?:all |the )?\w+ costs?": "the cost scales with",
    r"events with a size": "graded events",
    r"fires? and rests?": "fire and become refractory",
    r"kernels of yours": "your own kernels",
    r"random partners": "random postsynaptic targets",
    r"generated while": "generated on the fly",
    r"keep each other firing": "self-sustained",
    r"taken apart while": "checked and stripped at trace time",
    r"times are on the wall": "wall-clock times",
    r"what goes wrong is": "failures raise",
    r"at some \d+ spikes a second": "at about ... Hz",
    r"without a word": "silently",
    r"written down": "materialised, or explicit",
    r"active lines": "active rows or columns",
    r"wait(?:s|ing)? to be asked": "on request",
    r"(?:what|nothing) travels": "what is communicated",
    # Former names in the code, which were replaced by terms of the field.
    r"\b(?:csr_slots|column_slots)\b": "csc_perm",
    r"\bjitc_entries\b": "jitc_to_coo",
    r"\b(?:gathered|on_whole_arrays)\(": "replicated",
    r"\bread_before\b": "prior_uses",
    r"\bin_turn\b": "round_robin",
    r"\badd_up\b": "segment_sum",
    r"\bper_entry\b": "broadcast_weights",
    r"\boperand=": "encoding=",
    r"`(?:Stored|StoredEvents|Operand|Level)`": "MatrixSpec, EventSpec, Encoding, VmapAxis",
    # Phrases that read as translated.
    r"of (?:one's|one’s|the user's|users') own\b|\bof yours\b|\bof ours\b": "your own ..., or user-defined",
    r"\b(?:rules?|operators?|kernels?|models?|formats?|languages?|profiles?) of (?:your|their) own\b": "your own ...",
    r"\bits relatives\b": "its siblings, or their names",
    r"\bbut for\b": "except",
    r"\bin the place of\b": "instead of",
    r"\bcan(?:'t|not)? be seen\b": "is concrete, or traced",
    r"\bmeans nothing\b|\bmean nothing\b": "is ignored",
    r"\bleft out quietly\b": "skipped silently",
    r"\b(?:has|have) yet to run\b|\bnobody has run\b": "has not been run yet",
    r"\bit declines by name\b|\bwhat (?:a|the) kernel doesn't take\b": "the calls that a kernel does not support",
    r"\bwhere one can\b|\bas one can\b": "if possible",
    r"\bone matrix, one value\b": "say what the matrix is",
}


def test_pages_use_the_terms_of_the_field(gallery: Any) -> None:
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    # Without pages that a build has left: pages of the gallery are generated below.
    made = {"_build", "examples"}
    there = [page for folder in (DOCS, ROOT / "packages") for page in folder.rglob("*.md")]
    pages += [page for page in there if not made & set(page.relative_to(ROOT).parts)]
    assert len(pages) > 60
    texts = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in pages}
    texts |= {example.name: gallery.page(example) for example in gallery.EXAMPLES}
    for name in brainevent.__all__:
        thing = getattr(brainevent, name)
        members = {member: getattr(thing, member) for member in dir(thing) if not member.startswith("_")}
        texts |= {f"{name}.{member}": str(value.__doc__) for member, value in members.items()} | {
            name: str(thing.__doc__)
        }
    for name, text in texts.items():
        for paraphrase, term in PARAPHRASES.items():
            found = re.search(paraphrase, " ".join(text.split()), re.IGNORECASE)
            assert found is None, f"{name}: {found[0]!r} is {term!r}"


def test_broken_links_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(DOCS)
    links = importlib.import_module("links")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "page.html").write_text('<p class="x" id="here &amp; there">a</p>')
    (tmp_path / "picture.png").touch()
    right = (
        "#top",
        "sub/page.html",
        "sub/page.html#here%20%26%20there",
        "sub/../picture.png",
        "https://docs.jax.dev/x#y",
    )
    wrong = ("#bottom", "page.html", "sub/page.html#nowhere", "../outside.html", "https://doi.org/1.2/x", "http:/a")
    anchors = "".join(f'<a class="x" href="{address}">' for address in (*right, *wrong))
    text = f'<h1 id="top">href="nothing.html"</h1><img alt="a &gt; b" src="missing.png">{anchors}'
    (tmp_path / "index.html").write_text(text)
    found = [message.split("'")[1] for message in links.broken(tmp_path)]
    assert sorted(found) == sorted((*wrong, "missing.png"))


def test_every_public_name_is_in_the_reference() -> None:
    reference = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"^ *\.\. (?:auto|py:)\w+:: (?:brainevent\.)?(\w+)", reference, re.MULTILINE))
    assert set(brainevent.__all__) - {"__version__"} <= documented


def test_tables_are_made_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("brainevent_cpu")
    monkeypatch.syspath_prepend(DOCS)
    tables = importlib.import_module("tables")
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in tables.products().splitlines())
    cells = {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}
    events = [encoding for encoding in ENCODINGS.values() if encoding.event]
    assert len(cells) == 4 * len(ENCODINGS) + 2 * len(events)
    assert cells["numbers @ W"]["`Dense`"] == "reference"
    assert cells["`update_on_post` by `BinaryArray`"]["`COO`"] == "numba"
    assert cells["`update_on_pre` by `CompactBinary`"]["`JITC…`"] == "–"
    assert set(cells["`SparseFloat` @ W"].values()) == set(cells["W @ `BinaryArray`"].values()) == {"numba"}
    order = "| `matmul` | `numba`, `events`, `reference` |"
    assert [line for line in tables.primitives().splitlines() if line.startswith(order)]
    assert "| `JITCHomoR` | `JITCScalarR` |" in tables.renamed()
    assert "| `binary_csrmv_indexed`, `binary_csrmm_indexed` | give the matrix an index" in tables.left_out()


def test_output_of_the_demo_is_what_the_first_page_shows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Times and rates depend on the machine; the lines, and what they say about the network, don't."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("tqdm")
    monkeypatch.delenv(config.ENVIRONMENT_VARIABLE)
    monkeypatch.syspath_prepend(ROOT / "examples")
    coba = importlib.import_module("coba")
    assert coba.main(["--duration", "100", "--no-progress", "--output", str(tmp_path / "coba.png")]) == 0

    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("picture")]
    shown = (DOCS / "_static" / "coba.txt").read_text().splitlines()
    assert [line[:11] for line in printed] == [line[:11] for line in shown]
    for line, expected in zip(printed, shown, strict=True):
        if line.startswith(("COBA", "neurons", "synapses")):
            assert line == expected
