"""What the commands that compile for GPUs read out of dumps and machine code, and what the committed figures say."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"

DUMP = """
001: kCopy         [source | sink] kCopy
002: kWhile        [source | sink] kWhile
  body:
    003: kCustomKernel [source | next=004 (1)] loop_add_fusion grid: [1, 1, 1] threads: [1, 1, 1]
    004: kCopy         [prev=003 (1) | next=005 (1)] kCopy
    005: kCustomCall   [prev=004 (1) | next=006 (1)] kCustomCall
    006: kConditional  [prev=005 (1) | sink] kConditional
"""

CODE = """
.text.kernel:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   LDG.E R2, desc[UR4][R2.64] ;
.L_x_2:
        /*0020*/                   LDG.E R4, desc[UR4][R8.64] ;
        /*0030*/                   IMAD.WIDE R4, R4, 0x4, R6 ;
        /*0040*/                   REDG.E.ADD.F32.FTZ.RN.STRONG.GPU desc[UR4][R4.64], R9 ;
        /*0050*/              @!P0 BRA `(.L_x_2) ;
        /*0060*/               @P1 BRA `(.L_x_1) ;
        /*0070*/                   EXIT ;
.L_x_3:
        /*0080*/                   BRA `(.L_x_3);
"""


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Within a loop, the headings of conditions are printed without indentation.
NESTED = """
002: kWhile        [source | sink] kWhile
condition:
    003: kCustomKernel [source | sink] loop_compare_fusion grid: [1, 1, 1] threads: [1, 1, 1]
  body:
    004: kCopy         [source | next=005 (1)] kCopy
    005: kWhile        [prev=004 (1) | sink] kWhile
condition:
        006: kCustomKernel [source | sink] input_reduce_fusion grid: [1, 1, 1] threads: [64, 1, 1]
      body:
        007: kCopy         [source | sink] kCopy
    008: kCopy         [prev=005 (1) | sink] kCopy
009: kCopy         [prev=002 (1) | sink] kCopy
"""


def test_a_loop_has_what_is_in_loops_within() -> None:
    programs = script("compile_for_gpu")
    counts = programs.count(programs.loop_body(NESTED))
    assert (counts["copies"], counts["kernels"]) == (3, 1)


def test_what_a_loop_issues() -> None:
    programs = script("compile_for_gpu")
    counts = programs.count(programs.loop_body(DUMP))
    assert {kind: number for kind, number in counts.items() if number} == {
        "kernels": 1,
        "custom calls": 1,
        "copies": 1,
        "conditionals": 1,
    }
    with pytest.raises(SystemExit, match="no loop"):
        programs.loop_body("001: kCopy [source | sink] kCopy")


@pytest.mark.parametrize("kind", ["kernels", "custom calls", "conditionals", "launches in them"])
def test_a_step_that_issues_more_is_a_fault(kind: str) -> None:
    programs = script("compile_for_gpu")
    counts = {**dict.fromkeys(programs.KINDS, 0), "kernels": 2, "custom calls": 2, "copies": 2, "launches in them": 4}
    name = "COBA of CSR, kernels"
    assert programs.faults_of(name, counts) == []
    assert programs.faults_of(name, {**counts, kind: counts[kind] + 4})


def test_weights_that_are_copied_are_a_fault() -> None:
    programs = script("compile_for_gpu")
    text = """
%body (p: (f32[7], f32[3])) -> (f32[7], f32[3]) {
  %a = (f32[7]{0}, s32[2]{0}) custom-call(%w), custom_call_target="launcher"
  %b = f32[7]{0} copy(%a)
  %c = f32[3]{0} copy(%d)
}
ENTRY %main { %z = f32[7]{0} copy(%y)
  %r = while(%t), condition=%cond, body=%body
}
"""
    assert (programs.made(text, 7), programs.made(text, 5)) == (1, 0)
    counts = {**dict.fromkeys((*programs.KINDS, "launches in them"), 0), programs.WRITTEN: 1}
    (fault,) = programs.faults_of("Vogels, which learns, kernels", counts)
    assert "arrays of the size of weights" in fault


def test_the_hot_loop_of_machine_code() -> None:
    assert script("gpu_cubins").hot_loop(CODE) == {"LDG": 1, "RED": 1, "IMAD": 1, "in the loop": 4, "in all": 9}


def test_the_figures_that_are_committed() -> None:
    """At most nine thunks in a step, two launches in an operation, and no stack or local memory in a hot kernel."""
    programs = script("compile_for_gpu")
    faulty = {"COBA of CSR, reference", "COBA of JITCScalarR, reference", "Vogels, which learns, reference"}
    for found in json.loads((SCRIPTS / "gpu_programs.json").read_text()).values():
        for name, counts in found.items():
            faults = programs.faults_of(name, counts)
            assert bool(faults) == (name in faulty), (name, faults)
    for found in json.loads((SCRIPTS / "gpu_cubins.json").read_text()).values():
        assert all(row["stack"] == row["local"] == 0 for row in found.values())
