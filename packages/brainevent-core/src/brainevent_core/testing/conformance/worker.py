"""A process that runs cases: if a kernel crashes it, the parent knows in which case.

The standard input is JSON: ``backend``, ``platform`` that replaces the backend's, if any, and ``cases``, their names.
Each line of the standard output is the outcome of the next case, as JSON.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import sys
import warnings

import jax

from brainevent_core.testing.conformance.check import check_conformance, stand_in
from brainevent_core.testing.conformance.tables import named_case

__all__ = ["main"]

_FORGET_EVERY = 200


def main() -> None:
    """Run the cases that the standard input names."""
    task = json.load(sys.stdin)
    faulthandler.enable()
    warnings.simplefilter("ignore")  # the parent has already shown warnings about the backend
    # Output of kernels must not be mixed with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with stand_in(task["backend"], task["platform"]):
        for count, name in enumerate(task["cases"]):
            outcome = check_conformance(named_case(name), task["backend"])
            print(json.dumps(dataclasses.asdict(outcome)), file=answers, flush=True)
            if count % _FORGET_EVERY == _FORGET_EVERY - 1:
                jax.clear_caches()


if __name__ == "__main__":
    main()
