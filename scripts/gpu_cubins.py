"""Compile kernels to machine code for GPUs, on a machine that has none, and look at it.

    hatch run cuda13:cubins             # compare with the figures in gpu_cubins.json
    hatch run cuda13:cubins --write     # write them

For every kernel: registers, stack, local and shared memory of a thread or block, and what an instruction of the hot
loop is: loads (LDG), atomic additions (RED), integer multiplications (IMAD), and all. A stack or local memory in a hot
kernel is a fault: the compiler ran out of registers, or indexes an array that lies in them.
"""

import argparse
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_name("gpu_cubins.json")
#: Instructions of the hot loop that are counted, by how their names begin. Atomic additions have two names.
COUNTED = {"LDG": ("LDG",), "RED": ("RED", "ATOM"), "IMAD": ("IMAD",)}

#: Specifications of kernels whose loops are looked at.
HOT: tuple[dict[str, Any], ...] = (
    {"strategy": "pointers"},
    {"strategy": "gather", "layout": "csr"},
    {"strategy": "gather", "layout": "fixed_num"},
    {"strategy": "scatter", "layout": "csr"},
    {"strategy": "scatter", "layout": "csr", "permuted": True},
    {"strategy": "scatter", "layout": "fixed_num", "homogeneous": True},
    {"strategy": "scatter", "layout": "fixed_num", "value": "float16"},
    {"strategy": "scatter", "layout": "csr", "batched": True},
    {"strategy": "scatter", "layout": "dense"},
    {"strategy": "coordinates"},
    {"kind": "plasticity", "strategy": "scatter", "layout": "csr"},
    {"kind": "plasticity", "strategy": "scatter", "layout": "csr", "permuted": True},
    {"kind": "plasticity", "strategy": "scatter", "layout": "fixed_num", "value": "float16"},
    {"kind": "plasticity", "strategy": "scatter", "layout": "columns"},
    {"kind": "plasticity", "strategy": "gather", "layout": "csr"},
    {"kind": "plasticity", "strategy": "coordinates"},
    {"kind": "plasticity", "strategy": "coordinates", "action": "add_to_shared", "permuted": True, "value": "bfloat16"},
    {"kind": "plasticity", "strategy": "weights", "action": "clip"},
    {"kind": "sddmm", "strategy": "gather", "layout": "csr"},
    {"kind": "sddmm", "strategy": "scatter", "layout": "csr", "batched": True},
    {"kind": "delays", "strategy": "scatter", "layout": "csr"},
    {"kind": "delays", "strategy": "scatter", "layout": "fixed_num", "extent": "source", "homogeneous": True},
    {"kind": "jitc.spec", "strategy": "jitc_scatter"},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "normal", "cells": 4096},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "uniform", "digits": 2, "value": "float16"},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "normal", "batched": True},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "cells": 4096},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "law": "normal", "digits": 3, "split": True},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "law": "uniform", "batched": True},
)

Row = dict[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the figures instead of comparing with them")
    parser.add_argument("--architectures", metavar="NUMBERS", help="separated by commas; all of them by default")
    options = parser.parse_args()
    package = installed_package()
    known_architectures = importlib.import_module(f"{package}.kernels.images").ARCHITECTURES
    wanted = [int(one) for one in options.architectures.split(",")] if options.architectures else known_architectures
    found = {f"{name} sm_{arch}": row for arch in wanted for name, row in rows(package, arch)}
    versions = f"warp-lang {importlib.import_module('warp').__version__}"
    print(versions)
    for name, row in found.items():
        print(f"{name:62}", ", ".join(f"{number} {what}" for what, number in row.items()))
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if options.write:
        FIGURES.write_text(json.dumps(dict(sorted({**known, versions: found}.items())), indent=1) + "\n")
    elif versions not in known:
        print(f"{FIGURES.name} has no figures of this version to compare with.")
    faults = [f"{name}: {row['stack']} bytes of stack, {row['local']} of local memory" for name, row in found.items()
              if row["stack"] or row["local"]]  # fmt: skip
    expected = found if options.write else known.get(versions, found)
    faults += [
        f"{name}: {FIGURES.name} says {expected.get(name)}, found {row}"
        for name, row in found.items()
        if row != expected.get(name)
    ]
    if faults:
        print(*faults, sep="\n")
    return 1 if faults else 0


def installed_package() -> str:
    """brainevent's package for the line of Warp that is installed here."""
    for line in (12, 13):
        package = f"brainevent_cuda{line}"
        if importlib.util.find_spec(package) and not importlib.import_module(
            f"{package}.kernels.availability"
        ).missing_warp(line):
            return package
    raise SystemExit("This needs Warp and brainevent's package for the same line of CUDA.")


def rows(package: str, architecture: int) -> list[tuple[str, Row]]:
    """Name and figures of every hot kernel."""
    compiled = importlib.import_module(f"{package}.kernels.compiled").CompiledKernel
    kernels = [compiled(specification(package, **facts)) for facts in HOT]
    return [(kernel.name, figures(kernel.image(architecture))) for kernel in kernels]


def specification(package: str, kind: str = "spec", **facts: Any) -> Any:
    """What a kernel is for; `kind` is the module of its specification."""
    specs = {
        "spec": "KernelSpec",
        "plasticity": "UpdateSpec",
        "sddmm": "SddmmSpec",
        "delays": "DeliverySpec",
        "jitc.spec": "JitcSpec",
    }
    if "law" in facts:
        facts["law"] = importlib.import_module("brainevent_core.jitc").LAWS[facts["law"]]
    return getattr(importlib.import_module(f"{package}.kernels.native.{kind}"), specs[kind])(**facts)


def figures(cubin: bytes) -> Row:
    """What NVIDIA's tools say of a cubin that holds one kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage, code = tool("cuobjdump", "-res-usage", file.name), tool("nvdisasm", "-c", file.name)
    used = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", usage)
    assert used is not None, usage
    row = dict(zip(("registers", "stack", "shared", "local"), map(int, used.groups())))
    return row | hot_loop(code)


def tool(name: str, *arguments: str) -> str:
    """The output of one of NVIDIA's programs, from the package of its name."""
    nvidia = importlib.util.find_spec("nvidia")
    places = [] if nvidia is None else [Path(place) for place in nvidia.submodule_search_locations or ()]
    paths = [path for place in places for path in place.glob(f"*/bin/{name}")]
    if not paths:
        raise SystemExit(f"This needs {name}: pip install nvidia-cuda-{name}")
    return subprocess.run([paths[0], *arguments], capture_output=True, text=True, check=True).stdout


def hot_loop(code: str) -> Row:
    """How many instructions of a kind an innermost loop has: of that with the most memory accesses."""
    labels: dict[str, int] = {}
    instructions: list[tuple[str, str]] = []  # operation, and the label that it jumps to
    for line in code.splitlines():
        label = re.match(r"(\.L_x_\d+):", line)
        if label:
            labels[label.group(1)] = len(instructions)
        found = re.search(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?\s*([A-Z][\w.]*)(?:.*`\((\.L_x_\d+)\))?", line)
        if found:
            instructions.append((found.group(1), found.group(2) or ""))
    loops = [
        (labels[target], at)
        for at, (operation, target) in enumerate(instructions)
        if operation.startswith("BRA") and labels.get(target, at) < at
    ]
    innermost = [(a, b) for a, b in loops if not any((c, d) != (a, b) and a <= c and d <= b for c, d in loops)]
    bodies = [[operation for operation, _ in instructions[a : b + 1]] for a, b in innermost]
    counts = [counted(body) for body in bodies]
    chosen = max(counts, key=lambda row: (row["RED"] > 0, row["LDG"], -row["in the loop"]), default=counted([]))
    return chosen | {"in all": len(instructions)}


def counted(body: list[str]) -> Row:
    """How many instructions of a kind there are."""
    kinds = {name: sum(one.startswith(begins) for one in body) for name, begins in COUNTED.items()}
    return kinds | {"in the loop": len(body)}


if __name__ == "__main__":
    sys.exit(main())
