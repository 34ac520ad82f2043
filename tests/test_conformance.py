"""The conformance kit: our own backend passes it, and planted faults are found."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from tests.made_plugins import descriptor, install

from brainevent_core import get_registry, reference, refresh_backends
from brainevent_core.__main__ import main as brainevent
from brainevent_core.encodings import FLOAT, SPARSE_FLOAT
from brainevent_core.testing import ConformanceSuite, check_conformance, conformance_cases, main, run_cases
from brainevent_core.testing.conformance import report
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.check import declines_of
from brainevent_core.testing.conformance.tables import TABLES, named_case


@pytest.mark.cover(share=0.5)
class TestNumba(ConformanceSuite):
    """A few cases of every primitive."""

    backend = "numba"
    select = (
        "^(matmul-(csr|coo|fixed_num)-binary_(bool|int32)|sddmm-csr-binary_bool|stdp_update-csr-binary_bool-transposed)-"
        "|^jitc_matmul-scalar-binary_bool-forward|^jitc_to_.*-0.3-later-13x7|^encode_.*-matrix-some"
    )


@pytest.mark.slow
class TestNumbaTable(ConformanceSuite):
    """Half of the cases of the pairwise cover, the other half with the next seed; the whole table with --full."""

    backend = "numba"
    seed = 0

    @classmethod
    def cases(cls) -> list[ConformanceCase]:
        cases = super().cases()
        return cases if cls.whole else cases[cls.seed % 2 :: 2]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        type(self).whole, type(self).seed = metafunc.config.getoption("--full"), metafunc.config.option.seed
        super().pytest_generate_tests(metafunc)


class TestEvents(ConformanceSuite):
    """Core's own kernels, with cases of the whole table that they don't decline; only a few of these without --slow."""

    backend = "events"
    every = 1

    @classmethod
    def cases(cls) -> list[ConformanceCase]:
        declined = declines_of(cls.backend)
        cases = conformance_cases(("matmul", "jitc_matmul"), whole=True)
        return [case for case in cases if not any(re.search(name, str(case)) for name in declined)][:: cls.every]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        slow, full = metafunc.config.getoption("--slow"), metafunc.config.getoption("--full")
        type(self).every = 1 if full else 8 if slow else 61
        super().pytest_generate_tests(metafunc)


# -- planted faults: (primitive, kernel, case, message of the kit) -----------------------------------------------------


def ignores_shape(*operands: Any, shape: tuple[int, int], **params: Any) -> Any:
    return reference.matmul(*operands, shape=(max(shape), max(shape)), **params)


def drops_axis(*operands: Any, batch: Any, **params: Any) -> Any:
    (level,) = batch
    out = reference.matmul(*(x[0] if mapped else x for x, mapped in zip(operands, level.mapped)), **params)
    return jnp.broadcast_to(out, (level.size, *out.shape))


def weighs_events(data: Any, *rest: Any, encoding: Any, **params: Any) -> Any:
    *structure, x = rest
    return reference.matmul(data, *structure, x.astype(data.dtype), encoding=FLOAT, **params)


def wraps(data: Any, indices: Any, *rest: Any, shape: tuple[int, int], **params: Any) -> Any:
    wrapped = jnp.where(indices < 0, indices + shape[1], indices)
    return reference.matmul(data, wrapped, *rest, shape=shape, **params)


def writes_behind(*operands: Any, shape: tuple[int, int], transpose: bool, **params: Any) -> Any:
    """Result vectors are contiguous, and indices are not checked, so one beyond a vector is written to the next one."""
    rows, length = shape
    vectors = reference.matmul(*operands, shape=(rows, length + 1), transpose=transpose, **params).T
    places = jnp.arange(len(vectors))[:, None] * length + jnp.arange(length + 1)
    return jnp.zeros(len(vectors) * length).at[places].add(vectors, mode="drop").reshape(-1, length).T


def one_other_entry(*operands: Any, **params: Any) -> Any:
    connected, draws = reference.jitc_to_dense(*operands, **params)
    return connected.at[3, 4].set(~connected[3, 4]), draws


FAULTS: dict[str, tuple[str, Callable[..., Any], str, str]] = {
    "wrong transpose": (
        "matmul",
        lambda *operands, transpose, **params: reference.matmul(*operands, transpose=not transpose, **params),
        "csr-binary_bool-forward-float32-vector-each-some-16x16-wellformed-int32-finite-jit",
        "the opposite `transpose`",
    ),
    "ignores shape": (
        "matmul",
        ignores_shape,
        "csr-binary_bool-transposed-float32-vector-each-some-13x7-wellformed-int32-finite-jit",
        "returned float32[13], the abstract evaluation rule says float32[7]",
    ),
    "drops a mapped axis": (
        "matmul",
        drops_axis,
        "csr-binary_bool-forward-float32-vector-each-some-13x7-wellformed-int32-finite-vmap_data",
        "a mapped axis that is dropped: every member of the batch gets the first one's data",
    ),
    "takes 2.0 as weight 2": (
        "matmul",
        weighs_events,
        "csr-binary_int32-forward-float32-vector-each-all-13x7-wellformed-int32-finite-jit",
        "weighed by their value",
    ),
    "skips zeros": (
        "matmul",
        lambda *operands, encoding, **params: reference.matmul(*operands, encoding=SPARSE_FLOAT, **params),
        "csr-float-forward-float32-vector-each-some-13x7-wellformed-int32-nonfinite-jit",
        "a float product that skips zeros",
    ),
    "wraps negative indices": (
        "matmul",
        wraps,
        "csr-binary_bool-transposed-float32-vector-each-all-13x7-malformed-int32-finite-jit",
        "negative indices that wrap around",
    ),
    "writes out of bounds by one": (
        "matmul",
        writes_behind,
        "csr-binary_bool-transposed-float32-matrix-each-all-13x7-malformed-int32-finite-jit",
        "a write out of bounds by one",
    ),
    "another connection": (
        "jitc_to_dense",
        one_other_entry,
        "0.3-origin-13x7-jit",
        "in result 1 of 2, 1 of 91 elements differ; the first, at [3, 4]",
    ),
}


@pytest.fixture
def planted() -> Iterator[Callable[..., None]]:
    """A function that registers a kernel of a backend "planted" for the duration of the test."""
    registry, primitives = get_registry(), []

    def plant(primitive: str, kernel: Callable[..., Any], **options: Any) -> None:
        registry.register_kernel(primitive, "cpu", kernel, backend="planted", **options)
        primitives.append(primitive)

    yield plant
    for primitive in primitives:
        registry.remove(primitive, backend="planted")


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught_and_named(fault: str, planted: Callable[..., None]) -> None:
    primitive, kernel, name, words = FAULTS[fault]
    planted(primitive, kernel, batched=kernel is drops_axis, supports=lambda *_, **__: True)
    outcome = check_conformance(named_case(f"{primitive}-{name}"), "planted")
    assert outcome.verdict == "failed"
    assert words in outcome.message
    assert f"python -m brainevent.testing --backend planted --case {primitive}-{name}" in outcome.message
    assert not report.conforms([outcome])


def test_faults_that_a_cover_finds() -> None:
    """Each fault is found by the default table, not only by the case selected above."""
    cover = [str(case) for case in conformance_cases(["matmul", "jitc_to_dense"], whole=False)]
    for words in ("16x16", "vmap_data", "binary_float32", "-float-.*nonfinite", "malformed", "jitc_to_dense-0.3"):
        assert any(all(word in name for word in words.split(".*")) for name in cover), words


def test_results_may_show_the_rounding_of_what_they_are_computed_in() -> None:
    # The derivative with respect to float32 events has float16 sums, some of which are on different sides of a tie.
    case = "matmul-coo-binary_float32-forward-float16-matrix-homogeneous-some-1021x517-malformed-int16-nonfinite-vjp_x"
    outcome = check_conformance(named_case(case), "numba")
    assert outcome.conforms, outcome.message


def test_unnamed_decline_fails(planted: Callable[..., None]) -> None:
    planted("encode_events", reference.encode_events, supports=lambda mask, **params: False)
    outcome = check_conformance(named_case("encode_events-compact-vector-some-13x7-ample-jit"), "planted")
    assert (outcome.verdict, outcome.named, outcome.conforms) == ("declined", False, False)
    assert "it declines these operands. Name it in the `declines`" in outcome.message


def test_backend_that_registers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "empty", descriptor("empty"))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        refresh_backends()
        assert main(["--backend", "empty"]) == 2
    refresh_backends()
    assert "'empty' can't be tested: it registers no kernel for any of matmul" in capsys.readouterr().err


def test_backend_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert brainevent(["test", "--backend", "nowhere"]) == 2
    assert "There is no backend named 'nowhere'" in capsys.readouterr().err


CRASHING = """
import os, signal

def crash(mask, **params):
    os.kill(os.getpid(), signal.SIGSEGV)

def register(registry):
    registry.register_kernel(
        "encode_events", "cpu", crash, backend="crashing", supports=lambda *_, encoding, **k: encoding.name == "compact"
    )
"""


def test_crash_ends_its_case_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "crashing", CRASHING + descriptor("crashing", register="register"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    names = [f"encode_events-{operand}-vector-some-13x7-ample-jit" for operand in ("compact", "bitpacked")]
    crashed, after = run_cases([named_case(name) for name in names], "crashing")
    assert (crashed.case, crashed.verdict) == (names[0], "failed")
    assert f"the process ended with signal {signal.SIGSEGV.name}" in crashed.message
    assert (after.case, after.verdict) == (names[1], "declined")


def test_report_counts_and_says_what_failed(planted: Callable[..., None]) -> None:
    planted(
        "encode_events", lambda mask, **params: ~reference.encode_events(mask, **params), supports=lambda *_, **__: True
    )
    case = named_case("encode_events-bitpacked-vector-some-13x7-ample-jit")
    text = report.render("planted", [check_conformance(case, "planted")], ["mine.own"])
    assert "encode_events  jit        0/1/0" in text
    assert f"FAILED {case}" in text
    assert "no cases for mine.own" in text
    assert text.endswith("planted does NOT conform: 0 passed, 1 failed, 0 declined, 0 of them unnamed.")


@pytest.mark.parametrize("primitive", TABLES)
def test_names_of_cases_are_unique_and_lead_back(primitive: str) -> None:
    cases = list(conformance_cases([primitive], whole=False))
    assert len(set(map(str, cases))) == len(cases)
    assert [named_case(str(case)) for case in cases] == cases
    covered = {(column, case[column]) for case in cases for column in case.columns}
    assert covered == {(column, value) for column, values in TABLES[primitive].columns.items() for value in values}


def test_a_platform_on_which_nothing_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    for backend, said in (("numba", "On 'tpu' nothing stands in"), ("abacus", "no backend named 'abacus'")):
        assert main(["--backend", backend, "--platform", "tpu"]) == 2
        assert said in capsys.readouterr().err
