"""The gallery: a page for each example, which consists of its docstring, its picture, its output, and its source.

``conf.py`` writes the pages each time that the site is built. This command runs all examples or some of them, and
writes the pictures and the output::

    python docs/gallery.py [EXAMPLE ...]

The slow tests run each example as well, and fail if its page has another picture or another output than the example.
"""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "docs" / "_static"


class Example(NamedTuple):
    """An entry of the gallery.

    Attributes:
        name: of the file in ``examples/``.
        caption: a few words below the small picture.
        shows: the features of brainevent that it uses, in Markdown.
        alt: a description of the picture; empty for an example without one.
        arguments: of the command that draws the picture.
        note: additional Markdown for its page.
    """

    name: str
    caption: str
    shows: str
    alt: str
    arguments: tuple[str, ...] = ()
    note: str = ""

    @property
    def docstring(self) -> str:
        return ast.get_docstring(ast.parse(self.source.read_text(encoding="utf-8"))) or ""

    @property
    def source(self) -> Path:
        return ROOT / "examples" / f"{self.name}.py"

    @property
    def picture(self) -> Path:
        return STATIC / ("coba.png" if self.name == "coba" else f"example-{self.name}.png")

    @property
    def printed(self) -> Path:
        return self.picture.with_suffix(".txt")


MICROCIRCUIT = """
At full size, the network has 77,169 neurons and 299 million synapses, which take 6 GB.

```{figure} ../_static/microcircuit-full-size.png
:alt: A raster of eight populations that fire irregularly at different rates, and the number of spikes over time.
:width: 100%

`python examples/microcircuit.py --scale 1 --duration 10000`
```

These are its mean rates over ten seconds with Poisson input, the rates of the model's reference implementation, and the
coefficient of variation of the interspike intervals:

| | L2/3E | L2/3I | L4E | L4I | L5E | L5I | L6E | L6I |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| spikes per second | 0.94 | 2.99 | 4.37 | 5.87 | 7.48 | 8.64 | 1.08 | 7.83 |
| published | 0.90 | 2.97 | 4.41 | 5.88 | 7.57 | 8.63 | 1.11 | 7.83 |
| CV of intervals | 0.81 | 0.86 | 0.85 | 0.84 | 0.81 | 0.78 | 0.81 | 0.80 |

A smaller network has other correlations, and therefore somewhat lower rates, in NEST as well. The two are compared by
`hatch run bench microcircuit`.
"""

EXAMPLES = (
    Example(
        "coba",
        "COBA: self-sustained activity",
        "{class}`~brainevent.CSR` with homogeneous weights",
        "A raster of spikes, the firing rates of both populations, and the membrane potentials of four neurons.",
    ),
    Example(
        "cuba",
        "CUBA: current-based synapses",
        "{mod}`brainevent.connect`",
        "A raster of irregular spikes, and the number of spikes over time.",
    ),
    Example(
        "izhikevich",
        "Izhikevich neurons and their rhythms",
        "{class}`~brainevent.Dense`",
        "A raster with vertical bands at about 10 Hz, and the number of spikes over time.",
    ),
    Example(
        "brunel",
        "Brunel: four states of a network",
        "a homogeneous delay, {class}`~brainevent.DelayRing`",
        "Rasters and rates of four networks: synchronous regular, fast synchronous irregular, asynchronous irregular, "
        "and slow synchronous irregular.",
        note="Rates in the paper's own simulations of B, C and D are 60.7, 37.7 and 5.5 Hz.\n",
    ),
    Example(
        "microcircuit",
        "The cortical microcircuit",
        "up to 0.3 billion synapses with individual weights and delays",
        "A raster of eight populations that fire irregularly at different rates, and the number of spikes over time.",
        note=MICROCIRCUIT,
    ),
    Example(
        "vogels",
        "Inhibition that learns balance",
        "`update_on_pre`, `update_on_post`",
        "A raster in which 10,000 neurons fire together for half a second, then in bursts, then each on its own, and "
        "rates that fall from 200 to 10 Hz.",
    ),
    Example(
        "stdp",
        "STDP and homeostasis",
        "`update_on_pre`, `update_on_post`, and occasional scaling of all weights",
        "Mean weights of correlated inputs grow, those of independent ones fall, and the rate returns to its target.",
    ),
    Example(
        "coincidence",
        "Sound localisation with delays",
        "one delay per synapse",
        "Spikes of detectors follow a source that moves from left to right and back.",
    ),
    Example(
        "train",
        "Training with surrogate gradients",
        "{func}`brainevent.value_and_grad`, {func}`brainevent.weights`, optax",
        "The loss falls and the accuracy rises to 1; below, spikes of the hidden layer and potentials of the readout "
        "for four patterns.",
    ),
    Example(
        "ensemble",
        "Many networks in one call",
        "`vmap` over weights and inputs",
        "Rates of 36 networks fall with the strength of inhibition, along the lines of the theory.",
    ),
    Example(
        "own_operator",
        "Your own operator",
        "{class}`~brainevent.XLACustomKernel`, {func}`brainevent.numba_kernel <brainevent_cpu.language.numba_kernel>`",
        "Learned time constants lie on the diagonal when plotted against the true ones; the distance falls.",
    ),
    Example(
        "connectome",
        "A connectome from an edge list",
        "{func}`brainevent.from_edges`",
        "Rasters of five layers; with the inhibitory neurons silenced, motor neurons fire at ten times the rate.",
    ),
    Example(
        "million",
        "A million neurons, a billion synapses",
        "{class}`~brainevent.JITCScalarR`, generated on the fly",
        "A raster of a thousand of a million neurons, and the number of spikes over time.",
        ("--steps", "400"),
    ),
    Example("devices", "Over several devices", "`split=`, {mod}`brainevent.sharding`", ""),
)


def command(example: Example) -> str:
    """The command that draws the picture."""
    output = ["--output", "million.png"] if example.name == "million" else []  # the others write it by default
    return " ".join(["python", f"examples/{example.name}.py", *example.arguments, *output])


def paragraphs(text: str) -> str:
    """A docstring in Markdown: an indented paragraph is a paper, which becomes a quotation, or verbatim text."""
    pieces = []
    for piece in text.split("\n\n"):
        if piece.startswith("    ") and "https://" in piece:
            pieces.append("> " + linked(" ".join(piece.split())))
        elif piece.startswith("    "):
            pieces.append(f"```text\n{textwrap.dedent(piece)}\n```")
        else:
            pieces.append(linked(piece.replace("*", r"\*")))
    return "\n\n".join(pieces)


def linked(text: str) -> str:
    """A text in which addresses are links."""
    return re.sub(r"https://\S+?(?=[).,;]*(\s|$))", r"<\g<0>>", text)


def directive(name: str, argument: str, *lines: str) -> str:
    """A directive of MyST."""
    return "\n".join([f"```{{{name}}} {argument}", *lines, "```"])


def page(example: Example) -> str:
    """The page of an example."""
    name, text = example.name, example.source.read_text(encoding="utf-8")
    first, _, rest = example.docstring.partition("\n")
    end = ast.parse(text).body[0].end_lineno or 0
    picture, printed = example.picture, example.printed
    parts = [f"# {first.rstrip('.').replace('`', '')}", paragraphs(rest.strip("\n"))]
    if picture.exists():
        drawn = f"`{command(example)}`"
        parts.append(
            directive("figure", f"../_static/{picture.name}", f":alt: {example.alt}", ":width: 100%", "", drawn)
        )
    parts.append(example.note.strip("\n"))
    if printed.exists():
        parts.append("The example prints (times depend on the machine):")
        parts.append(directive("literalinclude", f"../_static/{printed.name}", ":language: text"))
    names = sorted(path.name for path in example.source.parent.glob("coba*.py")) if name == "coba" else [f"{name}.py"]
    names += ["simulation.py"] if "import simulation" in text else []
    files = ", ".join(f"{{download}}`{one} <../../examples/{one}>`" for one in names)
    parts.append(f"## The program\n\nFeatures of brainevent: {example.shows}. Download: {files}.")
    source = f"../../examples/{name}.py"
    parts.append(directive("literalinclude", source, ":language: python", f":lines: {end + 2}-"))
    return "\n\n".join(part for part in parts if part) + "\n"


def card(example: Example) -> str:
    """A thumbnail that links to the page of the example."""
    page = f"examples/{example.name}"
    caption = f"{{doc}}`{example.caption} <{page}>`"
    picture = f"_static/{example.picture.name}"
    return directive("figure", picture, f":alt: {example.alt}", f":target: {page}.html", "", caption)


def index() -> str:
    """All thumbnails, a table, and a hidden table of contents."""
    cards = "\n\n".join(card(example) for example in EXAMPLES if example.picture.exists())
    rows = (f"| {{doc}}`{one.name}.py <examples/{one.name}>` | {one.caption} | {one.shows} |" for one in EXAMPLES)
    entries = (f"{example.caption} <examples/{example.name}>" for example in EXAMPLES)
    contents = directive("toctree", "", ":hidden:", "", *entries)
    table = "\n".join(["| file | | features |", "| --- | --- | --- |", *rows])
    return f"````{{container}} gallery\n{cards}\n````\n\n{table}\n\n{contents}\n"


def write() -> None:
    """Write the pages, and the overview that ``examples.md`` includes."""
    folder = ROOT / "docs" / "examples"
    folder.mkdir(exist_ok=True)
    for example in EXAMPLES:
        _update(folder / f"{example.name}.md", page(example))
    _update(ROOT / "docs" / "_build" / "generated" / "gallery.md", index())


def draw(example: Example, folder: Path) -> tuple[Path, str]:
    """Run an example: the picture that it draws, and its output without the line that names the picture."""
    picture = folder / example.picture.name
    command = [sys.executable, str(example.source), *example.arguments, "--output", str(picture)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    compress(picture)
    lines = [line.rstrip() for line in done.stdout.splitlines() if not line.startswith("picture")]
    return picture, "\n".join(lines) + "\n"


def compress(path: Path) -> None:
    """Reduce a plot, which has few colours, to a palette of 64: a third of the size, with no visible difference."""
    from PIL import Image  # comes with Matplotlib

    Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def form(output: str) -> str:
    """The output of an example without the numbers, which depend on the machine, and their alignment."""
    return re.sub(r" +", " ", re.sub(r"-?\d[\d,.]*", "0", output))


def difference(one: Path, other: Path) -> float:
    """How different two pictures are: 0 if they are equal, 1 if they have no ink in common.

    They are compared at a coarse resolution. The spikes of a chaotic network differ between machines, but their
    density, axes and labels do not.
    """
    import numpy as np
    from PIL import Image

    coarse = (Image.open(path).convert("L").resize((60, 40), Image.Resampling.BOX) for path in (one, other))
    first, second = (255 - np.asarray(each, np.float64) for each in coarse)
    return float(np.abs(first - second).sum() / np.maximum(first, second).sum())


def _update(path: Path, text: str) -> None:
    """Leave unchanged pages alone, because Sphinx reads every page that is newer than its last build."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main(names: list[str]) -> int:
    for example in EXAMPLES:
        if example.alt and (not names or example.name in names):
            _, output = draw(example, STATIC)
            example.printed.write_text(output, encoding="utf-8")
            print(f"{example.name}: {example.picture.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
