"""The descriptors of the CUDA and TPU packages tell why they can't be used, without importing anything heavy."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from brainevent_core.errors import KernelBuildError
from brainevent_core.plugins import KernelRegistry

PACKAGES = Path(__file__).resolve().parents[2] / "packages"
NAMES = ["cuda12", "cuda13", "tpu"]


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make these packages importable, which are not installed in the development environments."""
    for name in NAMES:
        monkeypatch.syspath_prepend(str(PACKAGES / f"brainevent-{name}" / "src"))


@pytest.fixture(params=[12, 13])
def line(request: pytest.FixtureRequest) -> int:
    return request.param


class Machine:
    """A simulated machine, as the CUDA packages see it: Warp, JAX's plugins, driver and devices."""

    def __init__(self, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.modules: set[str] = {"warp", f"jax_cuda{line}_plugin"}
        self.warp = {12: "1.17.0", 13: "1.18.0"}[line]
        self.availability: ModuleType = importlib.import_module(f"brainevent_cuda{line}.kernels.availability")
        set_ = monkeypatch.setattr
        set_(self.availability.util, "find_spec", lambda name: object() if name in self.modules else None)
        set_(self.availability.metadata, "version", lambda name: self.warp)
        set_(self.availability, "_missing_device", lambda: None)
        set_(self.availability, "_loaded_line", lambda: None)

    def why_unavailable(self, line: int) -> str | None:
        return self.availability.why_unavailable(line)


@pytest.fixture
def machine(line: int, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(line, monkeypatch)


def test_available_with_everything_there(machine: Machine, line: int) -> None:
    assert machine.why_unavailable(line) is None


def test_without_warp(machine: Machine, line: int) -> None:
    machine.modules.remove("warp")
    assert f"pip install 'brainevent[cuda{line}]'" in str(machine.why_unavailable(line))


def test_compiling_for_machines_elsewhere_needs_warp(machine: Machine, line: int) -> None:
    machine.modules.remove("warp")
    backend = importlib.import_module(f"brainevent_cuda{line}.backend").BACKEND
    with pytest.raises(KernelBuildError, match="Warp is not installed: pip install"):
        backend.build_for(KernelRegistry(), (90,))


def test_warp_of_the_other_line(machine: Machine, line: int) -> None:
    machine.warp = {12: "1.18.0", 13: "1.17.0"}[line]
    reason = str(machine.why_unavailable(line))
    assert machine.warp in reason
    assert f"brainevent[cuda{line}]" in reason


def test_without_plugin(machine: Machine, line: int) -> None:
    machine.modules = {"warp"}
    assert f"pip install 'brainevent[cuda{line}]'" in str(machine.why_unavailable(line))


def test_plugin_of_the_other_line(machine: Machine, line: int) -> None:
    other = 25 - line
    machine.modules = {"warp", f"jax_cuda{other}_plugin"}
    assert f"pip install 'brainevent[cuda{other}]'" in str(machine.why_unavailable(line))


def test_all_that_is_missing_is_said(machine: Machine, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.modules = {f"jax_cuda{line}_plugin", f"jax_cuda{25 - line}_plugin"}
    monkeypatch.setattr(machine.availability, "_missing_device", lambda: "there is no driver.")
    monkeypatch.setattr(machine.availability, "_loaded_line", lambda: pytest.fail("no plugin can be loaded"))
    remedy = f"pip install 'brainevent[cuda{line}]'."
    assert machine.why_unavailable(line) == f"Warp is not installed: {remedy} There is no driver."
    machine.modules = set()
    expected = f"Warp is not installed: {remedy} JAX has no CUDA plugin: {remedy} There is no driver."
    assert machine.why_unavailable(line) == expected


@pytest.mark.parametrize("loaded", [12, 13, None])
def test_both_plugins(machine: Machine, line: int, loaded: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.modules = {"warp", "jax_cuda12_plugin", "jax_cuda13_plugin"}
    monkeypatch.setattr(machine.availability, "_loaded_line", lambda: loaded)
    reason = machine.why_unavailable(line)
    assert (reason is None) == (loaded == line)
    assert reason is None or f"pip uninstall jax-cuda{25 - line}-plugin" in reason


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        ("7f00 r-xp /site-packages/jax_plugins/xla_cuda12/xla_cuda_plugin.so\n", 12),
        ("7f00 r-xp /site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so\n", 13),
        ("7f00 r-xp /site-packages/numpy/core.so\n", None),
    ],
)
def test_mapped_plugin(machine: Machine, tmp_path: Path, maps: str, expected: int | None) -> None:
    (tmp_path / "maps").write_text(maps)
    assert machine.availability._mapped_line(tmp_path / "maps") == expected
    assert machine.availability._mapped_line(tmp_path / "none") is None


def test_no_driver(line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    availability = importlib.import_module(f"brainevent_cuda{line}.kernels.availability")

    def fail(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(availability.sys, "platform", "linux")
    monkeypatch.setattr(availability.ctypes, "CDLL", fail)
    assert "driver" in availability._missing_device()


def test_hidden_devices(line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    availability = importlib.import_module(f"brainevent_cuda{line}.kernels.availability")
    monkeypatch.setattr(availability.sys, "platform", "linux")
    monkeypatch.setattr(availability.ctypes, "CDLL", lambda name: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" in availability._missing_device()


def test_tpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = importlib.import_module("brainevent_tpu.backend")
    monkeypatch.delenv("TPU_SKIP_MDS_QUERY", raising=False)
    monkeypatch.setattr(backend.util, "find_spec", lambda name: None)
    assert "pip install 'brainevent[tpu]'" in backend._available(tmp_path)
    monkeypatch.setattr(backend.util, "find_spec", lambda name: object())
    assert "no TPU" in backend._available(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "accel0").touch()
    assert backend._available(tmp_path) is None
    monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
    assert backend._available(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("name", NAMES)
def test_descriptor_is_light(name: str) -> None:
    """Importing a descriptor and calling ``available`` starts no backend of JAX and imports no kernel language."""
    code = f"""
import sys
from brainevent_{name}.backend import BACKEND
from brainevent_core.plugins import get_registry
from jax._src import xla_bridge
BACKEND.available()
heavy = {{"warp", "numba", "jax.experimental.pallas", "libtpu"}} & set(sys.modules)
assert not heavy, heavy
assert not xla_bridge.backends_are_initialized()
from brainevent_core.plugins import KernelRegistry
BACKEND.register(KernelRegistry())
"""
    path = [str(PACKAGES / f"brainevent-{part}" / "src") for part in (*NAMES, "core", "cpu")]
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{code}"], check=True)
