"""The fuzzer: a few hundred of its calls, and faults that it must find."""

import ctypes
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fuzz import driver
from fuzz.cells import table
from fuzz.guards import GuardedMemory
from fuzz.table import OPERATIONS
from tests import fuzz_crashing

ROOT = Path(__file__).parents[1]

#: Few cells, whose kernels other tests compile as well.
SOME = [r"^product .*kind=(CSR|COO|FixedPostNumConn),", "size=small"]


@pytest.fixture
def one_core() -> Iterator[None]:
    """Run subprocesses on one core, where JAX has a single thread for callbacks and everything else."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("one_core")
def test_some_calls(full: bool, seed: int) -> None:
    cells = table(OPERATIONS, select=[re.compile(pattern) for pattern in SOME])
    outcome = driver.run(cells, seed=seed, select=SOME, rounds=100 if full else 30, jobs=1)
    assert not outcome.findings, "\n".join(f"{one.cell} case {one.case}: {one.message}" for one in outcome.findings)
    assert outcome.calls["result"] > 100
    assert outcome.calls["error"] > 20
    assert {cell.backend for cell in cells.cells} == {"reference", "numba", "guarded"}


def test_findings_and_crashes_are_reported_with_their_number() -> None:
    cells = table(fuzz_crashing.OPERATIONS)
    assert cells.left_out == {"absent": "no_such_function"}
    outcome = driver.run(cells, seed=0, select=[], rounds=1, jobs=1, operations=fuzz_crashing.__name__)
    assert outcome.calls == {"result": 1, "wrong": 2, "crashed": 1}  # including the call after the crash
    found = [(one.case, one.cell, one.message.split(":")[0].split("\n")[0]) for one in outcome.findings]
    assert found == [
        (1, "scale [does=crash] on reference", "ended the process with status -6"),
        (2, "scale [does=wrong] on reference", "result 0 is wrong"),
        (3, "scale [does=raise] on reference", "an error in place of the result"),
    ]


def test_guarded_memory_sees_what_is_written_beside_an_array() -> None:
    memory = GuardedMemory()
    for _ in range(2):  # at the end of the pages, and at the beginning
        with pytest.raises(AssertionError, match="wrote outside"):
            _write_beside_an_array(memory)


def _write_beside_an_array(memory: GuardedMemory) -> None:
    with memory.call():
        array = memory.copy(np.arange(5.0))
        np.testing.assert_array_equal(array, np.arange(5.0))
        begin = array.__array_interface__["data"][0]
        ctypes.c_uint8.from_address(begin - 1 if memory.at_end else begin + array.nbytes).value = 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_reading_beyond_an_array_ends_the_process() -> None:
    program = """
        import ctypes
        import numpy as np
        from fuzz.guards import GuardedMemory

        memory = GuardedMemory()
        for _ in range(2):
            with memory.call():
                array = memory.copy(np.arange(5.0))
                begin = array.__array_interface__["data"][0]
                ctypes.c_uint8.from_address(begin + array.nbytes if memory.at_end else begin - 1).value
                print("survived")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode < 0
    assert "survived" not in done.stdout
