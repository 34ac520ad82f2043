"""Compile kernels to machine code for GPUs, on a machine that has none, and inspect it.

    hatch run cuda13:cubins             # compare with the figures in gpu_cubins.json
    hatch run cuda13:cubins --write     # write them
    hatch run cuda13:cubins --sizes     # how long compiling takes, and how large the machine code is

For every kernel: registers, stack, local and shared memory per thread or block, and the instructions of the hot loop:
loads (LDG), atomic additions (RED), shuffles and votes of a warp (SHFL, VOTE), integer multiplications (IMAD), and all.
A stack or local memory is a fault: the compiler spilled registers, or indexes an array that should be in registers.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import lzma
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_name("gpu_cubins.json")
#: Instructions of the hot loop that are counted, by the prefixes of their names. Atomic additions have two names.
COUNTED = {"LDG": ("LDG",), "RED": ("RED", "ATOM"), "SHFL": ("SHFL",), "VOTE": ("VOTE",), "IMAD": ("IMAD",)}

#: Specifications of the inspected kernels: every walk of every operation, and a selection of dtypes and encodings.
HOT: tuple[dict[str, Any], ...] = (
    {"strategy": "pointers"},
    {"strategy": "gather", "layout": "csr"},
    {"strategy": "gather", "layout": "fixed_num"},
    {"strategy": "gather", "layout": "dense"},
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
    {"kind": "plasticity", "strategy": "scatter", "layout": "dense"},
    {"kind": "plasticity", "strategy": "scatter", "layout": "columns"},
    {"kind": "plasticity", "strategy": "gather", "layout": "csr"},
    {"kind": "plasticity", "strategy": "gather", "layout": "fixed_num"},
    {"kind": "plasticity", "strategy": "coordinates"},
    {"kind": "plasticity", "strategy": "coordinates", "action": "add_to_shared", "permuted": True, "value": "bfloat16"},
    {"kind": "plasticity", "strategy": "weights", "action": "clip"},
    {"kind": "sddmm", "strategy": "gather", "layout": "csr"},
    {"kind": "sddmm", "strategy": "gather", "layout": "fixed_num"},
    {"kind": "sddmm", "strategy": "scatter", "layout": "csr", "batched": True},
    {"kind": "sddmm", "strategy": "scatter", "layout": "fixed_num"},
    {"kind": "sddmm", "strategy": "coordinates"},
    {"kind": "delays", "strategy": "scatter", "layout": "csr"},
    {"kind": "delays", "strategy": "scatter", "layout": "fixed_num", "extent": "source", "homogeneous": True},
    {"kind": "delays", "strategy": "gather", "layout": "csr"},
    {"kind": "delays", "strategy": "gather", "layout": "fixed_num", "extent": "target"},
    {"kind": "delays", "strategy": "coordinates"},
    {"kind": "delays", "strategy": "take"},
    {"kind": "jitc.spec", "strategy": "jitc_scatter"},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "normal", "cells": 4096},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "uniform", "digits": 2, "value": "float16"},
    {"kind": "jitc.spec", "strategy": "jitc_scatter", "law": "normal", "batched": True},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "cells": 4096},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "law": "normal", "digits": 3, "split": True},
    {"kind": "jitc.spec", "strategy": "jitc_gather", "law": "uniform", "batched": True},
    *({"kind": "jitc.spec", "strategy": strategy} for strategy in ("jitc_dense", "jitc_count", "jitc_list")),
)

Row = dict[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the figures instead of comparing with them")
    parser.add_argument("--architectures", metavar="NUMBERS", help="separated by commas (default: all)")
    parser.add_argument("--some", type=int, metavar="N", help="number of architectures, drawn by --seed (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of --some")
    parser.add_argument("--sizes", action="store_true", help="recompile everything, and print only times and sizes")
    options = parser.parse_args()
    package = installed_package()
    wanted = list(importlib.import_module(f"{package}.kernels.images").ARCHITECTURES)
    if options.architectures:
        wanted = [int(one) for one in options.architectures.split(",")]
    if options.some:
        wanted = sorted(random.Random(options.seed).sample(wanted, min(options.some, len(wanted))))
    versions = f"warp-lang {importlib.metadata.version('warp-lang')}"
    print(versions)
    if options.sizes:
        print_sizes(package, wanted)
        return 0
    found = {f"{name} sm_{arch}": row for arch in wanted for name, row in rows(package, arch)}
    for name, row in found.items():
        print(f"{name:62}", ", ".join(f"{number} {what}" for what, number in row.items()))
    known = json.loads(FIGURES.read_text())
    ends = tuple(f" sm_{arch}" for arch in wanted)
    if options.write:
        others = {name: row for name, row in known.get(versions, {}).items() if not name.endswith(ends)}
        known[versions] = {**others, **found}
        FIGURES.write_text(as_text(known))
    faults = faults_of(found, {name: row for name, row in known.get(versions, {}).items() if name.endswith(ends)})
    if versions not in known:
        faults.append(f"{FIGURES.name} has no figures of {versions}, only of {', '.join(known)}: --write adds them.")
    print(*faults, f"{len(found)} kernels, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


def faults_of(found: Mapping[str, Row], expected: Mapping[str, Row]) -> list[str]:
    """Faults of kernels: use of stack or local memory, and differences from the known figures, if there are any."""
    faults = [f"{name}: {row['stack']} bytes of stack, {row['local']} of local memory" for name, row in found.items()
              if row["stack"] or row["local"]]  # fmt: skip
    if not expected:
        return faults
    return faults + [
        f"{name}: {FIGURES.name} says {expected.get(name)}, found {found.get(name)}"
        for name in {**found, **expected}
        if found.get(name) != expected.get(name)
    ]


def as_text(known: Mapping[str, Mapping[str, Row]]) -> str:
    """The figures in JSON, one line per kernel."""
    blocks = []
    for versions, found in sorted(known.items()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(found.items()))
        blocks.append(f" {json.dumps(versions)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def print_sizes(package: str, architectures: Sequence[int]) -> None:
    """Print the CPU time of the first use, and the size of kernels: as files, in a wheel, and compressed together."""
    importlib.import_module(f"{package}.kernels.operations")  # and with it JAX, which every program imports
    with empty_cache():
        _, warp = timed(lambda: importlib.import_module("warp").init())
        _, launcher = timed(importlib.import_module(f"{package}.kernels.launcher.call").handler)
    print(f"before the first kernel: {warp:.1f} s for Warp, {launcher:.1f} s for the launcher, which Numba compiles")
    for arch in architectures:
        with empty_cache():
            made = [timed(partial(kernel.image, arch)) for kernel in kernels(package)]
        images, seconds = [image for image, _ in made], [each for _, each in made]
        together = len(lzma.compress(b"".join(images), preset=9))
        sizes = [sum(map(len, images)), sum(len(zlib.compress(one, 9)) for one in images), together]
        files, zipped, packed = (size / 1024 for size in sizes)
        each = sum(seconds[1:]) / len(seconds[1:])
        print(
            f"sm_{arch}: {len(images)} kernels; {seconds[0]:.1f} s for the first, {each:.2f} s for each other one; "
            f"{files:.0f} KiB, {zipped:.0f} zipped one by one, {packed:.0f} with xz together"
        )


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a function, and the CPU time that it took."""
    began = time.process_time()
    result = run()
    return result, time.process_time() - began


@contextlib.contextmanager
def empty_cache() -> Iterator[None]:
    """An empty folder as the cache of machine code."""
    before = os.environ.get("BRAINEVENT_CACHE_DIR")
    with tempfile.TemporaryDirectory(prefix="brainevent-") as folder:
        os.environ["BRAINEVENT_CACHE_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["BRAINEVENT_CACHE_DIR"]
            os.environ.update({} if before is None else {"BRAINEVENT_CACHE_DIR": before})


def installed_package() -> str:
    """brainevent's package for the CUDA version of the installed Warp."""
    for line in (12, 13):
        package = f"brainevent_cuda{line}"
        if importlib.util.find_spec(package) and not importlib.import_module(
            f"{package}.kernels.availability"
        ).missing_warp(line):
            return package
    raise SystemExit("This needs Warp and brainevent's package for the same line of CUDA.")


def rows(package: str, architecture: int) -> list[tuple[str, Row]]:
    """Name and figures of every kernel of the table."""
    with ThreadPoolExecutor(2) as pool:  # NVIDIA's tools inspect a kernel while the next one is compiled
        found = [(kernel.name, pool.submit(figures, kernel.image(architecture))) for kernel in kernels(package)]
        return [(name, row.result()) for name, row in found]


def kernels(package: str) -> list[Any]:
    """The kernels of the table."""
    compiled = importlib.import_module(f"{package}.kernels.compiled").CompiledKernel
    return [compiled(specification(package, **facts)) for facts in HOT]


def specification(package: str, kind: str = "spec", **facts: Any) -> Any:
    """The specification of a kernel; `kind` is the module of its class."""
    specs = {
        "spec": "KernelSpec",
        "plasticity": "UpdateSpec",
        "sddmm": "SddmmSpec",
        "delays": "TakingSpec" if facts["strategy"] == "take" else "DeliverySpec",
        "jitc.spec": "JitcSpec",
    }
    if "law" in facts:
        facts["law"] = importlib.import_module("brainevent_core.jitc").LAWS[facts["law"]]
    return getattr(importlib.import_module(f"{package}.kernels.native.{kind}"), specs[kind])(**facts)


def figures(cubin: bytes) -> Row:
    """Figures from NVIDIA's tools for a cubin that contains one kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage, code = tool("cuobjdump", "-res-usage", file.name), tool("nvdisasm", "-c", file.name)
    used = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", usage)
    assert used is not None, usage
    row = dict(zip(("registers", "stack", "shared", "local"), map(int, used.groups())))
    return row | hot_loop(code)


def tool(name: str, *arguments: str) -> str:
    """The output of one of NVIDIA's tools, which is in the package of the same name."""
    nvidia = importlib.util.find_spec("nvidia")
    places = [] if nvidia is None else [Path(place) for place in nvidia.submodule_search_locations or ()]
    paths = [path for place in places for path in place.glob(f"*/bin/{name}")]
    if not paths:
        raise SystemExit(f"This needs {name}: pip install nvidia-cuda-{name}")
    return subprocess.run([paths[0], *arguments], capture_output=True, text=True, check=True).stdout


def hot_loop(code: str) -> Row:
    """The counts of instructions in the innermost loop with the most memory accesses; loops with atomics come first."""
    labels: dict[str, int] = {}
    instructions: list[tuple[str, str]] = []  # operation, and the label of a jump
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
    """The number of instructions of each kind."""
    kinds = {name: sum(one.startswith(begins) for one in body) for name, begins in COUNTED.items()}
    return kinds | {"in the loop": len(body)}


if __name__ == "__main__":
    sys.exit(main())
