"""Sphinx configuration. ``hatch run docs:build`` builds the site and runs its examples; warnings are errors."""

import doctest
import sys
from pathlib import Path

import brainevent
from brainevent_core import info

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import gallery
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

# The button copies the code of an example, without prompts and without what it prints.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False

# The flags of tests/test_docs.py, which runs the same examples with `hatch test`.
doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
trim_doctest_flags = True

# What `python -m brainevent info` printed when this site was built, for the page on installation, and other tables.
generated = Path(__file__).parent / "_build" / "generated"
generated.mkdir(parents=True, exist_ok=True)
(generated / "info.txt").write_text(info.render(info.gather()) + "\n")
for table in (tables.primitives, tables.products, tables.renamed, tables.left_out, tables.tpu_figures):
    (generated / f"{table.__name__}.md").write_text(table())

# Which operation is tested on which matrix, for the page on operations.
backends = ("numba", "reference")
(generated / "operations.md").write_text(coverage(list(operation_cases(backends, whole=False)), backends)[0] + "\n")

# A page for each example, which the page on examples links to, and a notebook for each tutorial, which links to it.
gallery.write()
notebooks.write(generated / "notebooks")
