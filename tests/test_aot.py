"""What the check of the TPU kernels reads from the compiler's dumps. The check itself needs libtpu."""

import json
from pathlib import Path

import aot
import jax
import pytest
from aot.bundles import estimated, largest_loop, loops, main_loop, weighted
from aot.cases import CASES, Case, Generated, Sampled, Update
from aot.compiler import Compiled
from aot.programs import faults_of_loop, faults_of_plastic_loop
from aot.targets import TARGETS

DUMP = """
LB: loop body
     0   :  { %s1 = smov 0 }
   0x1 LB: > { %p = scmp.lt.s32.totalorder %s1, 5120 }
   0x2   : > { nop }
   0x3 LB: >> { %a = vadd }
   0x4   : >> { %b = vadd }  ;;  not a bundle
   0x5   : > { %17 = sbr.rel target = $region1 }
  0x51   :  {}
  0x52   : >> { %c = vadd }
   0x6 PF: > { nop }
   0x7 LB: >> { %d = vadd }
   0x8 LB: > { %p = scmp.lt.s32.totalorder %s1, 99999 }
   0x9   :  { exit }
"""


def test_loops_of_a_dump(tmp_path: Path) -> None:
    assert [(loop.depth, loop.bundles) for loop in loops(DUMP)] == [(1, 3), (2, 5), (2, 1), (1, 1)]
    assert main_loop(DUMP) == largest_loop(DUMP) == 5
    assert main_loop("") == 0
    for name in ("1-gather_fusion-66-final_bundles.txt", "1-scatter_custom_fusion.1-66-final_bundles.txt", "1-add.txt"):
        (tmp_path / name).write_text(DUMP)
    assert weighted(sorted(tmp_path.iterdir())) == 2 * 5 * 5120
    assert estimated('{"estimated_cycles":"12"} {"estimated_cycles":"7"}') == 12


def test_spilled_scalars_are_seen(tmp_path: Path) -> None:
    """Only in the code of kernels, as the surrounding program also waits for its own copies."""
    wait = "   0x1   : >> { %2376 = dma.done.wait [#allocation115], 1 /* local-dma-wait */ }\n"
    for name, text in (("1-TLP-73", wait), ("1-one_hot_rows.1-66", DUMP), ("2-pointers-66", DUMP + wait)):
        (tmp_path / f"{name}-final_bundles.txt").write_text(text)
    compiled = Compiled("", [], sorted(tmp_path.iterdir()), 0.0)
    assert compiled.spilling(["one_hot_rows", "pointers", "active_list"]) == ["pointers"]


def test_faults_of_a_loop() -> None:
    kernel = '  %one_hot_rows.1 = f32[8] custom-call(), custom_call_target="tpu_custom_call"\n'
    pointers = kernel.replace("one_hot_rows", "pointers")
    assert faults_of_loop(f"body\n{kernel}\nENTRY\n{pointers} scatter(") == []
    faults = faults_of_loop(f"body\n{pointers} %x = scatter(\n\nENTRY\n{kernel}")
    assert faults == [
        "a scatter in the loop",
        "one_hot_rows is not in the loop",
        "pointers are corrected in every step",
    ]


def test_faults_of_a_plastic_loop() -> None:
    call = ' = f32[4000,4000]{1,0} custom-call(), custom_call_target="tpu_custom_call"\n'
    copy = "  %copy.1 = f32[4000,4000]{1,0} copy(%x)\n"
    kernels = f"  %dense_rows.1{call}  %dense_update.3{call}"
    assert faults_of_plastic_loop(f"body\n{kernels}\nENTRY\n{copy}") == []
    faults = faults_of_plastic_loop(f"body\n{copy}  %dense_rows.1{call}\nENTRY\n{kernels}")
    assert faults == ["the weights are written by copy copy.1 in the loop", "dense_update is not in the loop"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_is_a_call_that_its_kernel_takes(case: Case | Generated) -> None:
    kernels = pytest.importorskip("brainevent_tpu.kernels", reason="needs the package brainevent-tpu")
    product, arguments = case.product(), case.arguments()
    if isinstance(case, Generated):
        assert kernels.jitc_matmul.SUPPORTS.first(*arguments, **product.keywords) == case.kernel
    elif isinstance(case, Sampled):
        assert kernels.sampled.TAKES.why_not(*arguments, **product.keywords) is None
    elif isinstance(case, Update):
        assert kernels.dense_update.TAKES.why_not(*arguments, **product.keywords) is None
    else:
        assert kernels.matmul.SUPPORTS.first(*arguments, **product.keywords) == case.kernel
    out = jax.eval_shape(product, *arguments)
    assert out.shape[0] == case.shape[1 if case.transpose and not isinstance(case, Update | Sampled) else 0]


def test_every_case_has_a_figure() -> None:
    figures = json.loads((Path(aot.__file__).parent / "figures.json").read_text())
    assert set(figures["bundles"]) == {str(case) for case in CASES}
    assert all(set(found) == set(TARGETS) and min(found.values()) > 0 for found in figures["bundles"].values())
