"""What the commands that compile for GPUs read from dumps and machine code, and the committed figures."""

import importlib
import importlib.util
import json
import tomllib
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
    kinds = {"LDG": 1, "RED": 1, "SHFL": 0, "VOTE": 0, "IMAD": 1}
    assert script("gpu_cubins").hot_loop(CODE) == {**kinds, "in the loop": 4, "in all": 9}


def test_the_table_of_machine_code_has_every_walk() -> None:
    """The table has each strategy of each kind of kernel, and gather and scatter for rows with pointers and without."""
    cubins = script("gpu_cubins")
    specs = [cubins.specification("brainevent_cuda13", **facts) for facts in cubins.HOT]
    known = {(type(spec), spec.strategy) for spec in specs}
    assert known == {(kind, strategy) for kind in {type(spec) for spec in specs} for strategy in kind.strategies}
    base = {kind for kind in {type(spec) for spec in specs} if {"gather", "scatter"} <= set(kind.strategies)}
    walks = {(kind, strategy, layout) for kind in base for strategy in ("gather", "scatter")
             for layout in ("csr", "fixed_num")}  # fmt: skip
    assert walks <= {(type(spec), spec.strategy, spec.layout) for spec in specs}


ADDITION = "add_to(out + i, times_x(weight(k), row, 0));"

#: Changes of a kernel, and the figure that must show each.
PLANTED = {
    "a load": ("LDG", "add_to(out + i, times_x(weight(k), row, 0) + (WIDE)x[k]);"),
    "an addition": ("RED", f"{ADDITION} add_to(out + k, weight(k));"),
    "a multiplication": ("IMAD", "add_to(out + (i * k) % bound, times_x(weight(k), row, 0));"),
    "a stack": (
        "stack",
        "WIDE held[32] = {}; for (int j = 0; j < k % 40; ++j) held[i * j & 31] += 1; add_to(out + i, held[k & 31]);",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_kernel_that_became_worse_is_a_fault(planted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("warp", reason="it compiles the kernels")
    cubins = script("gpu_cubins")
    try:
        cubins.tool("cuobjdump", "--version")
    except SystemExit as error:
        pytest.skip(str(error))
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    package = cubins.installed_package()
    monkeypatch.setattr(cubins, "HOT", ({"strategy": "scatter", "layout": "fixed_num"},))
    before = dict(cubins.rows(package, 90))
    assert cubins.faults_of(before, before) == []
    compiled = importlib.import_module(f"{package}.kernels.compiled")
    figure, worse = PLANTED[planted]
    body = compiled.body
    assert ADDITION in body(cubins.kernels(package)[0].spec, 32)
    monkeypatch.setattr(compiled, "body", lambda spec, lanes: body(spec, lanes).replace(ADDITION, worse))
    after = dict(cubins.rows(package, 90))
    ((name, row),) = after.items()
    assert row[figure] > before[name][figure]
    assert cubins.faults_of(after, before)
    assert bool(cubins.faults_of(after, {})) == (figure == "stack")  # a fault without figures to compare with


def test_kernels_that_are_not_as_committed_are_faults() -> None:
    cubins = script("gpu_cubins")
    row = {"stack": 0, "local": 0, "LDG": 3}
    assert cubins.faults_of({"a": row}, {"a": row}) == cubins.faults_of({"a": row}, {}) == []
    for found in ({"a": {**row, "LDG": 4}}, {"a": row, "b": row}, {}):
        assert len(cubins.faults_of(found, {"a": row})) == 1
    assert cubins.faults_of({"a": {**row, "local": 8}}, {})


def test_the_figures_that_are_committed() -> None:
    """At most nine thunks in a step, two launches in an operation, and no stack or local memory in a hot kernel."""
    programs = script("compile_for_gpu")
    faulty = {"COBA of CSR, reference", "COBA of JITCScalarR, reference", "Vogels, which learns, reference"}
    for found in json.loads((SCRIPTS / "gpu_programs.json").read_text()).values():
        for name, counts in found.items():
            faults = programs.faults_of(name, counts)
            assert bool(faults) == (name in faulty), (name, faults)
    cubins = script("gpu_cubins")
    figures = (SCRIPTS / "gpu_cubins.json").read_text()
    for found in json.loads(figures).values():
        assert cubins.faults_of(found, {}) == []
        assert len(found) == 5 * len(cubins.HOT)
    assert cubins.as_text(json.loads(figures)) == figures


def test_what_ci_compiles_with_has_figures() -> None:
    """The compilers in CI are pinned to versions that are in the tables."""
    environments = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text())["tool"]["hatch"]["envs"]
    known = json.loads((SCRIPTS / "gpu_cubins.json").read_text())
    for line in (12, 13):
        (pin,) = (one for one in environments[f"cuda{line}"]["dependencies"] if one.startswith("warp-lang"))
        assert pin.replace("==", " ") in known
