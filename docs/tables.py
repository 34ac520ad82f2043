"""Tables of the documentation that are generated from the library: selected kernels, and old names."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from brainevent_core import config, info
from brainevent_core.deprecated import LEFT_OUT, RENAMED
from brainevent_core.encodings import ENCODINGS, Encoding
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops import MatrixSpec
from brainevent_core.plugins import get_registry, ordered
from brainevent_core.plugins.discovery import load_backends

__all__ = ["left_out", "primitives", "products", "renamed", "tpu_figures"]

_SHAPE = (64, 96)

_OPERANDS = {
    "float": "numbers",
    "sparse_float": "`SparseFloat`",
    "binary": "`BinaryArray`",
    "bitpacked": "`BitPackedBinary`",
    "compact": "`CompactBinary`",
}


def primitives() -> str:
    """For each primitive and platform, the backends in order of priority."""
    report = info.gather()
    platforms = list(report["requests"])
    rows = [
        (f"`{entry['name']}`", *(_code([*entry["kernels"][platform], config.REFERENCE]) for platform in platforms))
        for entry in report["primitives"]
    ]
    return _table(("primitive", *platforms), rows)


def products(platform: str = "cpu") -> str:
    """The backend whose kernel runs each product and update in float32, by format of the matrix."""
    load_backends(platform)
    stored = _stored()
    rows = []
    for title, primitive, transpose in (
        ("{} @ W", "matmul", True),
        ("W @ {}", "matmul", False),
        ("weights of {} @ W", "sddmm", True),
        ("weights of W @ {}", "sddmm", False),
        ("`update_on_pre` by {}", "stdp_update", True),
        ("`update_on_post` by {}", "stdp_update", False),
    ):
        for name, encoding in ENCODINGS.items():
            if primitive == "stdp_update" and not encoding.event:
                continue  # Numbers are events there, too.
            cells = [_chosen(primitive, each, encoding, transpose, platform) for each in stored.values()]
            rows.append((title.format(_OPERANDS.get(name, f"`{name}`")), *cells))
    return _table(("", *stored), rows)


def renamed() -> str:
    """Old and new names."""
    return _table(("old name", "new name"), [(f"`{old}`", f"`{new}`") for old, new in RENAMED.items()])


def left_out() -> str:
    """Removed names, and their replacements."""
    instead: dict[str, list[str]] = {}
    for name, remedy in LEFT_OUT.items():
        instead.setdefault(remedy, []).append(name)
    rows = [(", ".join(f"`{name}`" for name in names), remedy) for remedy, names in instead.items()]
    return _table(("name", "instead"), rows)


def tpu_figures() -> str:
    """Bundles of the innermost loops per synapse, by case and target, and those of XLA where they are known."""
    figures = json.loads((Path(__file__).parent.parent / "aot" / "figures.json").read_text())
    targets = sorted({target for case in figures["bundles"].values() for target in case})
    rows = []
    for case, found in figures["bundles"].items():
        xla = figures["reference"].get(case, {}).get("v5e")
        rows.append((case, *(f"{found[t]:.3g}" if t in found else "" for t in targets), f"{xla:.3g}" if xla else ""))
    return _table(("kernel and case", *targets, "XLA, v5e"), rows)


def _stored() -> dict[str, MatrixSpec]:
    """A matrix of each format, without transposes, by class name."""
    dense = np.eye(*_SHAPE, dtype=np.float32)
    plain = [cls.fromdense(dense) for cls in (brainevent.CSR, brainevent.FixedPostNumConn)]
    matrices: dict[str, Any] = {
        "`Dense`": brainevent.Dense(dense),
        "`COO`": brainevent.COO.fromdense(dense),
        **{f"`{type(each).__name__}`": each for each in plain},
        **{f"`{type(each).__name__}` with index": each.with_csc_index() for each in plain},
        "`JITC…`": brainevent.JITCScalarR(0.5, 0.1, 0, shape=_SHAPE),
    }
    return {name: matrix.__matrix_spec__ for name, matrix in matrices.items()}


def _chosen(primitive: str, stored: MatrixSpec, encoding: Encoding, transpose: bool, platform: str) -> str:
    """The backend that is selected without a request."""
    if isinstance(stored.format, ConnectionRule):
        if primitive != "matmul":
            return "–"
        primitive = "jitc_matmul"
        static: dict[str, Any] = {"rule": stored.format}
    else:
        static = {"format": stored.format}
    lines, length = stored.shape[::-1] if transpose else stored.shape
    dtype = encoding.dtype or (jnp.bool_ if encoding.event else jnp.float32)
    x = jax.ShapeDtypeStruct((encoding.length(length) if encoding.length else 1 + length,), dtype)
    vector, number = jax.ShapeDtypeStruct((lines,), jnp.float32), jax.ShapeDtypeStruct((), jnp.float32)
    first = jnp.atleast_1d(stored.data) if primitive != "sddmm" else vector
    static |= {"shape": stored.shape, "transpose": transpose, "encoding": encoding}
    further: tuple[Any, ...] = ()
    if primitive == "stdp_update":
        further = (vector, number, number)  # a trace, and bounds
        static["clip"] = "all"
    for kernel in ordered(get_registry().kernels(primitive, platform)):
        if kernel.supports is None or kernel.supports(first, *stored.structure, x, *further, **static):
            return kernel.backend
    return config.REFERENCE


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
