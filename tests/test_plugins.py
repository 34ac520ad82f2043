"""Backends that are broken, outdated, unavailable, slow or in conflict, as real installed distributions."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.made_plugins import descriptor, install


def run(folder: Path, script: str) -> Any:
    """Run ``script`` in a new process with these plugins, and return what it assigns to ``result``."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    environment.pop("BRAINEVENT_BACKEND", None)
    script = textwrap.dedent(script) + "\nimport json; print('\\n' + json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


WORKING = """
def kernel(data, *rest, **params):
    from brainevent_core import reference
    return 100 * reference.matmul(data, *rest, **params)

def supports(data, *rest, **params):
    return {supports}

def register(registry):
    registry.register_kernel("matmul", "cpu", kernel, backend={name!r}, supports=supports)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A single process with all plugins: its warnings, the report of `info`, and the kernels that ran."""
    folder = tmp_path_factory.mktemp("plugins")
    install(folder, "broken", "raise RuntimeError('no such luck')")
    install(folder, "nonsense", "BACKEND = 42")
    install(folder, "outdated", descriptor("outdated", api=0))
    install(folder, "futuristic", descriptor("futuristic", api=99))
    install(folder, "misnamed", descriptor("another"))
    install(folder, "quitting", "raise SystemExit('bye')")
    install(folder, "mistyped", descriptor("mistyped").replace("api=1", "api='1'"))
    install(folder, "unsure", descriptor("unsure").replace("lambda: None", "lambda: True"))
    install(folder, "mispatterned", descriptor("mispatterned").replace("api=1", "api=1, declines={'(': 'why'}"))
    install(folder, "tongue-tied", descriptor("tongue-tied").replace("api=1", "api=1, languages={'mine': 'a:b'}"))
    install(folder, "unavailable", descriptor("unavailable", reason="there is no such device; buy one."))
    install(folder, "slow", "import time; time.sleep(4)\n" + descriptor("slow"))
    install(folder, "clumsy", "def fail(registry):\n    1 / 0\n" + descriptor("clumsy", register="fail"))
    install(folder, "twice", descriptor("twice"), distribution="brainevent-twice-a")
    install(folder, "twice", descriptor("twice"), distribution="brainevent-twice-b")
    picky = WORKING.format(name="picky", supports="data.shape == (1,)")
    install(folder, "picky", picky + descriptor("picky", priority=1000, register="register"))
    return run(
        folder,
        """
        import jax, brainunit, time, warnings
        start = time.perf_counter()
        import brainevent
        seconds = time.perf_counter() - start

        import jax.numpy as jnp
        from brainevent_core import info
        result = {"seconds": seconds}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            spikes = brainevent.BinaryArray(jnp.array([True, False]))
            dense = jnp.array([[1.0, 2.0], [3.0, 4.0]])
            result["declined"] = (spikes @ dense).tolist()
            one = brainevent.CSR(1.0, [0, 1], [0, 1, 2], shape=(2, 2))
            result["accepted"] = (spikes @ one).tolist()
            with brainevent.use_backend("reference"):
                result["reference"] = (spikes @ one).tolist()
            result["again"] = (spikes @ one).tolist()
        result["warnings"] = [str(w.message) for w in caught if w.category is brainevent.BackendWarning]

        def asked(name, call):
            try:
                call()
            except brainevent.KernelNotAvailableError as error:
                return str(error)

        result["asked"] = {
            name: asked(name, lambda: brainevent.matmul(spikes, one, backend=name))
            for name in ("broken", "unavailable", "nowhere", "outdated")
        }
        result["lacks"] = asked("picky", lambda: brainevent.matmul(spikes, dense, backend="picky"))
        with brainevent.use_backend("picky"):
            result["prefers"] = (spikes @ dense).tolist()
        def strictly():
            with brainevent.use_backend("picky", strict=True):
                spikes @ dense
        result["strictly"] = asked("picky", strictly)
        result["info"] = {entry["name"] + "/" + entry["distribution"]: entry for entry in info.gather()["backends"]}
        result["text"] = info.render(info.gather())
        """,
    )


def test_warnings_as_errors_leave_discovery_whole(tmp_path: Path) -> None:
    install(tmp_path, "a-broken", "raise RuntimeError('no such luck')")
    backends = run(
        tmp_path,
        """
        import warnings
        from brainevent_core.plugins import backends
        warnings.simplefilter("error")
        try:
            backends()
        except Warning:
            pass
        result = {status.name: status.usable for status in backends()}
        """,
    )
    assert backends["a-broken"] is False
    assert backends["numba"] is True


def test_import_neither_fails_nor_waits(report: Any) -> None:
    assert report["seconds"] < 2  # the slow plugin alone sleeps for 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "no such luck"),
        ("nonsense", "holds int"),
        ("outdated", "version 0"),
        ("futuristic", "version 99"),
        ("misnamed", "must agree"),
        ("quitting", "SystemExit: bye"),
        ("mistyped", "expected int"),
        ("unsure", "returned True"),
        ("mispatterned", "'(', which is no regular expression"),
        ("tongue-tied", "end in '_kernel'"),
        ("clumsy", "ZeroDivisionError"),
        ("twice", "is taken by brainevent-twice-a 3.1"),
    ],
)
def test_faulty_plugin_is_skipped_with_one_warning(report: Any, name: str, words: str) -> None:
    warnings = [text for text in report["warnings"] if f"{name!r}" in text]
    assert len(warnings) == 1
    assert words in warnings[0]
    assert any(words in (entry["reason"] or "") for key, entry in report["info"].items() if key.startswith(name + "/"))


def test_unavailable_is_no_fault(report: Any) -> None:
    assert not any("unavailable" in text for text in report["warnings"])
    assert "there is no such device; buy one." in report["text"]


def test_selection_goes_by_priority_and_support(report: Any) -> None:
    assert report["declined"] == [1.0, 2.0]
    assert report["accepted"] == [100.0, 0.0]
    assert report["prefers"] == [1.0, 2.0]


def test_use_backend_retraces_cached_functions(report: Any) -> None:
    assert report["reference"] == [1.0, 0.0]
    assert report["again"] == [100.0, 0.0]


def test_asked_for_by_name_says_why_not(report: Any) -> None:
    assert "no such luck" in report["asked"]["broken"]
    assert "buy one" in report["asked"]["unavailable"]
    assert "version 0" in report["asked"]["outdated"]
    assert "no backend named 'nowhere'" in report["asked"]["nowhere"]
    assert "declines these operands" in report["lacks"]
    assert "declines these operands" in report["strictly"]
