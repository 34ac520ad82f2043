"""A process that makes the calls of some cells. If it crashes, the parent still knows during which call.

    python -m fuzz.worker TASK FILE

TASK is a JSON file with the module of the operations, patterns of cells, seed, cases, and whether kernels are guarded.
FILE contains numbers that survive a crash: the current case, and the number of calls of each kind in ``HOW``. The
process prints a line of JSON for each wrong call.
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
    # Ignore JAX's warnings (such as for a 64-bit array in 32-bit mode), which are not tested here.
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
