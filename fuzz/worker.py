"""A process that makes the calls of some cells; if it dies, the parent still knows in which call.

    python -m fuzz.worker TASK FILE

TASK is JSON: the module of the operations, patterns of cells, seed, cases, whether kernels are guarded. FILE holds the
number of the call being made. Each line of the standard output is JSON: a wrong call, or how many are done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.cells import table
from fuzz.guards import guard_kernels
from fuzz.trial import Wrong, perform

REPORT_EVERY = 100


def main() -> None:
    task = json.loads(sys.argv[1])
    current = np.memmap(Path(sys.argv[2]), np.int64, "r+", shape=(1,))
    answers, sys.stdout = sys.stdout, sys.stderr
    if task["guarded"]:
        guard_kernels()
    # What JAX warns of (a 64-bit array in 32-bit mode) is nothing that this looks for.
    warnings.simplefilter("ignore")
    operations = importlib.import_module(task["operations"]).OPERATIONS
    chosen = table(operations, [re.compile(pattern) for pattern in task["select"]])

    def answer(**line: Any) -> None:
        print(json.dumps(line), file=answers, flush=True)

    done: Counter[str] = Counter()
    for number in task["cases"]:
        if number <= task["after"]:
            continue
        current[0] = number
        case = chosen.case(number)
        try:
            how = perform(case, task["seed"])
        except Wrong as wrong:
            answer(wrong=number, cell=str(case.cell), message=str(wrong))
            how = "wrong"
        done[how] += 1
        if sum(done.values()) == REPORT_EVERY:
            answer(done=dict(done))
            done.clear()
    answer(done=dict(done))
    with contextlib.suppress(OSError):
        current.flush()


if __name__ == "__main__":
    main()
