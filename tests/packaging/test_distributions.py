"""The contents of the built distributions, and their installation as users install them."""

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from scripts.build_distributions import PROJECTS, build
from tests.packaging.environments import Environment, run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.packaging

PRODUCT = """
import brainevent, jax.numpy as jnp, numpy as np
csr = brainevent.CSR(np.ones(3), np.array([0, 2, 1]), np.array([0, 2, 3]), shape=(2, 3))
spikes = brainevent.BinaryArray(jnp.array([True, False]))
np.testing.assert_array_equal(spikes @ csr, [1.0, 0.0, 1.0])
"""

OURS = "import brainevent, brainevent_core; assert brainevent.__version__ == brainevent_core.__version__ >= '1';"


def distribution_name(project: Path) -> str:
    return project.name if project.parent.name == "packages" else "brainevent"


def members(archive: Path) -> dict[str, bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        assert all(member.isreg() for member in sdist), "an sdist with links or folders"
        return {member.name: sdist.extractfile(member).read() for member in sdist}  # type: ignore[union-attr]


def wheel_of(name: str, distributions: Path) -> Path:
    (wheel,) = distributions.glob(f"{name.replace('-', '_')}-*.whl")
    return wheel


@pytest.mark.parametrize("project", PROJECTS, ids=distribution_name)
def test_wheel_from_sdist_is_the_wheel_from_the_tree(project: Path, distributions: Path, tmp_path: Path) -> None:
    name = distribution_name(project)
    wheel = wheel_of(name, distributions)
    (sdist,) = distributions.glob(f"{name.replace('-', '_')}-[0-9]*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, "wheel", tmp_path / "again")
    assert again.name == wheel.name
    assert members(again) == members(wheel)


@pytest.mark.parametrize("project", PROJECTS, ids=distribution_name)
def test_wheel_holds_its_import_package_only(project: Path, distributions: Path) -> None:
    name = distribution_name(project).replace("-", "_")
    contents = members(wheel_of(name, distributions))
    tops = {member.split("/")[0] for member in contents}
    assert {top for top in tops if not top.endswith(".dist-info")} == {name}
    assert f"{name}/py.typed" in contents
    examples = {top for top in contents if top.startswith("brainevent/examples/")}
    assert len(examples) == (4 if name == "brainevent" else 0)
    sources = {str(path.relative_to(project / "src")) for path in (project / "src").rglob("*.py")}
    assert sources <= set(contents)


def test_cuda13_holds_copies_of_the_kernels(distributions: Path) -> None:
    kernels = []
    for line in (12, 13):
        prefix = f"brainevent_cuda{line}/kernels/"
        for archive in distributions.glob(f"brainevent_cuda{line}-*"):
            found = {name.split(prefix)[1]: data for name, data in members(archive).items() if prefix in name}
            kernels.append(found)
    assert len(kernels) == 4
    assert "__init__.py" in kernels[0]
    assert all(found == kernels[0] for found in kernels)


def test_core_only(environment: Environment) -> None:
    environment.uv("brainevent")
    environment.run(PRODUCT)
    environment.run("import importlib.util as u; assert not any(u.find_spec(name) for name in ('numba', 'warp'))")
    environment.run("import brainevent.testing, brainevent.bench, brainevent.config")
    assert "numba" not in environment.script("brainevent", "--version")


def test_cpu(environment: Environment) -> None:
    environment.uv("brainevent[cpu]")
    environment.run(PRODUCT)
    assert "numba" in environment.script("brainevent", "info")


def test_demo_without_the_repository(environment: Environment) -> None:
    """From wheels: missing packages are named; with them, the network runs and draws, and its source can be copied."""
    environment.uv("brainevent[cpu]")
    arguments = ("demo", "--duration", "100", "--no-progress", "--output", "picture.png")
    refusal = environment.fail("brainevent", *arguments)
    assert "pip install matplotlib tqdm" in refusal
    assert "Traceback" not in refusal
    environment.uv("matplotlib", "tqdm")
    printed = environment.script("brainevent", *arguments)
    assert "neurons     4,000" in printed
    assert "matmul on cpu: numba" in printed
    assert (environment.folder / "picture.png").read_bytes().startswith(b"\x89PNG")
    source = Path(printed.splitlines()[-1].removeprefix("source").strip())
    assert source.is_relative_to(environment.folder)
    assert source.read_bytes() == (ROOT / "examples" / "coba.py").read_bytes()


def test_example_of_a_backend(environment: Environment) -> None:
    """The steps of "Ship a backend" in the documentation."""
    environment.uv("brainevent-core[testing]", str(ROOT / "tests" / "plugin_example"))
    report = run(str(environment.python), "-m", "brainevent_core.testing", "--backend", "example", "--no-progress")
    assert "example conforms" in report
    quick = ("--sizes", "100", "--rounds", "1", "--seconds", "0.001", "--no-progress")
    report = run(str(environment.python), "-m", "brainevent_core.bench", "--backend", "example", *quick)
    assert "reference takes" in report


def test_upgrade_over_the_published_package(environment: Environment) -> None:
    """pip installs new packages before it removes old ones, so removing the old package must not remove our files."""
    environment.uv("brainevent==0.2.1")
    environment.pip("--upgrade", "brainevent[cpu]")
    environment.run(OURS + PRODUCT)
    environment.script("brainevent", "info")


@pytest.mark.parametrize(
    ("extra", "expected", "absent"),
    [
        ("cpu", {"numba", "jax"}, {"warp-lang", "libtpu"}),
        ("cuda12", {"warp-lang", "jax-cuda12-plugin", "numba"}, {"jax-cuda13-plugin"}),
        ("cuda13", {"warp-lang", "jax-cuda13-plugin", "numba"}, {"jax-cuda12-plugin"}),
        ("tpu", {"libtpu"}, {"warp-lang", "numba"}),
        ("languages", {"warp-lang", "numba", "brainevent-tpu"}, {"libtpu", "jax-cuda12-plugin", "jax-cuda13-plugin"}),
        ("testing", {"allpairspy", "pytest"}, {"matplotlib", "numba"}),
        ("bench", {"matplotlib", "tqdm"}, {"pytest", "numba"}),
    ],
)
def test_extra_resolves(extra: str, expected: set[str], absent: set[str], distributions: Path, tmp_path: Path) -> None:
    """The version is given, because installers would silently choose an older release if ours couldn't be resolved."""
    version = wheel_of("brainevent", distributions).name.split("-")[1]
    wanted = tmp_path / "requirements.in"
    wanted.write_text(f"brainevent[{extra}]=={version}\n")
    platform = ["--python", sys.executable, "--python-platform", "x86_64-manylinux_2_35"]  # libtpu needs a recent glibc
    output = run("uv", "pip", "compile", *platform, "--find-links", str(distributions), str(wanted))
    versions = dict(line.split("==") for line in output.splitlines() if "==" in line)
    assert expected <= versions.keys()
    assert not absent & versions.keys()
    package = {"languages": "brainevent-cuda13", "testing": "brainevent-core", "bench": "brainevent-core"}.get(
        extra, f"brainevent-{extra}"
    )
    assert versions[package] == versions["brainevent"]
    if "warp-lang" in expected:
        older = tuple(map(int, versions["warp-lang"].split(".")[:2])) < (1, 18)
        assert older == (extra == "cuda12")
