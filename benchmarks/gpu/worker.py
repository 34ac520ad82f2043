"""The process of one stage: ``python -m benchmarks.gpu.worker STAGE MACHINE OUT [ARCHITECTURES]``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.gpu.machine import Machine, compile_images, warp_of
from benchmarks.gpu.stages import rows_of

__all__ = ["main"]


def main(stage: str, machine: str, out: str, architectures: str = "") -> None:
    """Run a stage, write its rows, and compile the kernels that it launched for ``architectures``, if there are any."""
    described = Machine(**json.loads(machine))
    folder = os.environ.get("BRAINEVENT_CACHE_DIR")
    warp_of(described, None if folder is None else Path(folder))
    rows = []
    for row in rows_of(stage, described):
        rows.append(row)
        Path(out).write_text(json.dumps(rows))  # keeps these rows if the rest fails
    if architectures:
        wanted = [int(one) for one in architectures.split(",")]
        number = compile_images(described, wanted)
        rows = [{"what": "images", "value": number, "unit": "", "passed": number > 0, "wanted": "some"}]
    Path(out).write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
