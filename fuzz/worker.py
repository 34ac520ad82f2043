"""A process that makes the calls of some cells; if it dies, the parent still knows in which call.

    python -m fuzz.worker TASK FILE

TASK is a file of JSON: the module of the operations, patterns of cells, seed, cases, whether kernels are guarded. FILE
holds numbers that survive the process: the case being called, and how many calls there were of each kind in ``HOW``. A
line of the standard output is JSON, a call that was wrong.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np

from fuzz.cells import table
from fuzz.guards import guard_kernels
from fuzz.run_case import Wrong, perform

HOW = ("result", "error", "wrong")
"""How a call can go, but for the end of the process."""


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    state = np.memmap(Path(sys.argv[2]), np.int64, "r+", shape=(1 + len(HOW),))
    answers, sys.stdout = sys.stdout, sys.stderr
    if task["guarded"]:
        guard_kernels()
    # What JAX warns of (a 64-bit array in 32-bit mode) is nothing that this looks for.
    warnings.simplefilter("ignore")
    operations = importlib.import_module(task["operations"]).OPERATIONS
    chosen = table(operations, [re.compile(pattern) for pattern in task["select"]])
    for number in task["cases"]:
        if number <= task["after"]:
            continue
        state[0] = number
        case = chosen.case(number)
        try:
            how = perform(case, task["seed"])
        except Wrong as wrong:
            line = {"case": number, "cell": str(case.cell), "message": str(wrong)}
            print(json.dumps(line), file=answers, flush=True)
            how = "wrong"
        state[1 + HOW.index(how)] += 1


if __name__ == "__main__":
    main()
