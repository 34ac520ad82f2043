"""Sphinx configuration. ``hatch run docs:build`` builds the site and runs its examples; warnings are errors."""

import doctest
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

import brainevent
from brainevent_core import info

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import gallery
import links
import notebooks
import tables
from tests.models.operations import coverage, operation_cases

project = "brainevent"
author = copyright = "The brainevent developers"  # noqa: A001
release = version = brainevent.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"brainevent {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]

myst_heading_anchors = 3

# The button copies the code of an example, without prompts and output.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False

# The same flags as in tests/test_docs.py, which runs the same examples with `hatch test`.
doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
trim_doctest_flags = True

# The output of `python -m brainevent info` at the time of the build, for the installation page, and generated tables.
generated = Path(__file__).parent / "_build" / "generated"
generated.mkdir(parents=True, exist_ok=True)
(generated / "info.txt").write_text(info.render(info.gather()) + "\n")
for table in (tables.primitives, tables.products, tables.renamed, tables.left_out, tables.tpu_figures):
    (generated / f"{table.__name__}.md").write_text(table())

# Which operation is tested with which matrix, for the page on operations.
backends = ("numba", "reference")
(generated / "operations.md").write_text(coverage(list(operation_cases(backends, whole=False)), backends)[0] + "\n")

# A page for each example, linked from the page on examples, and a notebook for each tutorial, which links to it.
gallery.write()
notebooks.write(generated / "notebooks")


def correct_back_links(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Correct the links from the source pages back to the reference.

    The extension assumes that all names of a module are documented under the same module name. Some of our names are
    documented as names of ``brainevent``, others of the same module as names of a submodule.
    """
    if not pagename.startswith("_modules/") or "body" not in context:
        return
    objects = app.env.domains.python_domain.objects

    def correct(link: re.Match[str]) -> str:
        page, name = link["page"], link["name"]
        if name not in objects:
            document = posixpath.normpath(posixpath.join(posixpath.dirname(pagename), page)).removesuffix(".html")
            tail = "." + name.removeprefix("brainevent.")
            names = [known for known, entry in objects.items() if entry.docname == document and known.endswith(tail)]
            name = min(names, key=len, default=name)
        return f'<a class="viewcode-back" href="{page}#{name}">'

    context["body"] = re.sub(
        r'<a class="viewcode-back" href="(?P<page>[^"#]+)#(?P<name>[^"]+)">', correct, context["body"]
    )


def check_links(app: Sphinx, exception: Exception | None) -> None:
    """Log a warning, which makes the build fail, for each broken link."""
    if exception is None and app.builder.name == "html":
        for message in links.broken(Path(app.outdir)):
            logging.getLogger(__name__).warning(message)


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", correct_back_links)
    app.connect("build-finished", check_links)
