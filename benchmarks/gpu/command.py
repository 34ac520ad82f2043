"""The command line: runs each stage in a process, then writes the tables and the JSON."""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.gpu.machine import Machine, find_line, remember_warp
from benchmarks.gpu.stages import ROOT, STAGES, Stage
from brainevent_core.bench import machine as host
from brainevent_core.bench.tables import Table, plain

__all__ = ["main", "run_stage"]

#: Time limit of all stages together, so that the command ends within nine minutes.
SECONDS = 525.0
DRY_SECONDS = 3600.0

_VERSIONS = ("jax", "jaxlib", "warp-lang", "numba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages; the exit status is 1 if a stage failed, or a result isn't as required."""
    options = _parser().parse_args(arguments)
    preparing = options.prepare is not None
    tiny = preparing or options.platform == "cpu"
    machine = Machine("cpu" if tiny else options.platform, options.line or find_line(), tiny, options.cases)
    folder = options.prepare or options.images
    environment = dict(os.environ)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment["BRAINEVENT_CACHE_DIR"] = str(folder.resolve())
    environment["JAX_PLATFORMS"] = "cpu" if tiny else "cuda,cpu"
    if preparing:
        remember_warp(folder)
    end = time.monotonic() + (options.seconds or (DRY_SECONDS if tiny else SECONDS))
    names = options.stages.split(",") if options.stages else list(STAGES)
    found: dict[str, Any] = {}
    for name in names:
        # A dry run spends most of its time on compilation, which the limits don't include.
        limit = min(math.inf if tiny else STAGES[name].seconds, end - time.monotonic())
        found[name] = run_stage(
            name, STAGES[name], machine, environment, limit, architectures=options.arch if preparing else ""
        )
        print(*plain(_table(name, found[name])), "", sep="\n", flush=True)
    if options.json:
        about = {**host.describe(), **_versions(), "gpu": _gpu(), **asdict(machine)}
        options.json.write_text(json.dumps({"machine": about, "stages": found}, indent=1) + "\n")
    bad = [name for name, one in found.items() if one["fault"] or any(row["passed"] is False for row in one["rows"])]
    print(f"Not as they have to be: {', '.join(bad)}." if bad else "All that ran is as it has to be.")
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Tests and benchmarks that need an NVIDIA GPU."
    )
    parser.add_argument("--platform", choices=("cuda", "cpu"), default="cuda", help="cpu: a dry run with tiny sizes")
    parser.add_argument("--line", type=int, choices=(12, 13), help="major version of CUDA (default: the installed one)")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="folder of machine code, written by --prepare")
    parser.add_argument(
        "--prepare", type=Path, metavar="FOLDER", help="compile the kernels of the stages, on any machine"
    )
    parser.add_argument("--arch", default="75,80,90,100,120", metavar="NUMBERS", help="GPU architectures for --prepare")
    parser.add_argument("--stages", metavar="NAMES", help=f"separated by commas, of {', '.join(STAGES)} (default: all)")
    parser.add_argument("--cases", type=int, default=200, help="maximal number of cases per table (default: 200)")
    parser.add_argument(
        "--seconds", type=float, help=f"time limit for all stages (default: {SECONDS:g}, more without a GPU)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser


def run_stage(
    name: str,
    stage: Stage,
    machine: Machine,
    environment: Mapping[str, str],
    seconds: float,
    *,
    architectures: str = "",
) -> dict[str, Any]:
    """Run a stage in a separate process.

    Returns:
        ``rows``; ``fault``, the reason of a failure, or None; ``left_out``, why it was skipped, or None; ``seconds``.
    """
    result: dict[str, Any] = {"rows": [], "fault": None, "left_out": None, "seconds": 0.0}
    if stage.under and (shutil.which(stage.under[0]) is None or machine.platform == "cpu"):
        return {**result, "left_out": f"there is no {stage.under[0]} here"}
    if seconds <= 0:
        return {**result, "fault": "no time was left"}
    machine = replace(machine, cases=min(machine.cases, stage.cases))
    environment = {**environment, "XLA_FLAGS": f"{environment.get('XLA_FLAGS', '')} {stage.flags}".strip()}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="brainevent-") as folder:
        out = Path(folder) / "rows.json"
        command = [*stage.under, sys.executable, "-m", "benchmarks.gpu.worker"]
        command += [name, json.dumps(asdict(machine)), str(out), architectures]
        try:
            done = subprocess.run(
                command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            result["fault"] = f"it took more than {seconds:.0f} s"
        else:
            if done.returncode != 0:
                said = (done.stdout if stage.under else "") + done.stderr
                result["fault"] = f"status {done.returncode}: {said.strip()[-600:]}"
        result["seconds"] = time.monotonic() - began
        if out.exists():
            result["rows"] = json.loads(out.read_text())
    return result


def _table(name: str, found: Mapping[str, Any]) -> Table:
    lines = []
    for row in found["rows"]:
        value = f"{row['value']:.4g}" if isinstance(row["value"], float) else str(row["value"])
        verdict = {None: "", True: "yes", False: "NO"}[row["passed"]]
        lines.append((row["what"], f"{value} {row['unit']}".strip(), row["wanted"], verdict))
    said = found["fault"] or found["left_out"]
    title = f"{name}: {STAGES[name].about}, {found['seconds']:.0f} s"
    return Table(title, ("what", "found", "wanted", "as wanted"), lines, [said] if said else [])


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _gpu() -> str:
    """Name, driver and memory of the GPUs, from NVIDIA's tool."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"
