"""Operators of one's own: kernels in every language for a primitive, and how the languages are reached."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.kernel_languages import language_or_skip
from tests.made_plugins import install

import brainevent
from brainevent import XLACustomKernel, defjvp
from brainevent_core.plugins import LANGUAGES, Backend, BackendStatus, languages

PACKAGES = Path(__file__).parents[1] / "packages"

pytest.importorskip("brainevent_cpu", reason="kernels in Numba need brainevent-cpu")


def in_numba(*, rate: float, outs: Any) -> Any:
    @brainevent.numba_kernel(outs=outs)
    def body(v, x, out):  # type: ignore[no-untyped-def]
        for i in range(v.size):
            out.flat[i] = rate * v.flat[i] + x.flat[i]

    return body


def in_warp(*, rate: float, outs: Any) -> Any:
    warp_kernel = language_or_skip("warp_kernel")
    wp = importlib.import_module("warp")
    wp.config.log_level = wp.LOG_WARNING

    def body(v, x, out):  # type: ignore[no-untyped-def]
        i, j = wp.tid()
        out[i, j] = rate * v[i, j] + x[i, j]

    return warp_kernel(body, outs=outs)


def in_pallas(*, rate: float, outs: Any) -> Any:
    pallas_kernel = language_or_skip("pallas_kernel")

    def body(v, x, out):  # type: ignore[no-untyped-def]
        out[...] = rate * v[...] + x[...]

    return pallas_kernel(body, outs=outs)


def leaky(name: str) -> XLACustomKernel:
    """One step of a leaky integrator, with everything that a primitive can have, except kernels."""
    op = XLACustomKernel(name)
    op.def_abstract_eval(lambda v, x, *, rate: jax.ShapeDtypeStruct(v.shape, v.dtype))
    op.def_reference(lambda v, x, *, rate: rate * v + x)
    defjvp(op, lambda dot, v, x, *, rate: rate * dot, lambda dot, v, x, *, rate: dot)
    return op


@pytest.mark.parametrize("language", ["numba", "warp", "pallas"])
def test_kernel_of_a_primitive_of_ones_own(language: str, rng: np.random.Generator) -> None:
    op = leaky(f"tests.leaky.{language}")
    if language == "numba":
        op.def_numba_kernel(in_numba)
    else:
        generate, define = {
            "warp": (in_warp, op.def_warp_kernel),
            "pallas": (in_pallas, op.def_pallas_kernel),
        }[language]
        define(generate, platform="cpu")
    v, x = rng.normal(size=(2, 2, 3, 5)).astype(np.float32)

    def step(v: Any, x: Any) -> Any:
        return op(v, x, rate=0.5)

    with brainevent.get_registry().record() as lowered:
        np.testing.assert_allclose(jax.jit(step)(v[0], x[0]), 0.5 * v[0] + x[0], rtol=1e-6)
    assert [selection.backend.partition("-")[0] for selection in lowered] == [language]
    # By name as well, though the backend of that name can't run here.
    np.testing.assert_allclose(op(v[0], x[0], rate=0.5, backend=lowered[0].backend), 0.5 * v[0] + x[0], rtol=1e-6)
    with brainevent.get_registry().record() as lowered:
        np.testing.assert_allclose(jax.vmap(step)(v, x), 0.5 * v + x, rtol=1e-6)
        np.testing.assert_allclose(jax.vmap(step, (0, None))(v, x[0]), 0.5 * v + x[0], rtol=1e-6)
    assert [selection.backend.partition("-")[0] for selection in lowered] == [language] * 2
    by_v, by_x = jax.grad(lambda v, x: jnp.sum(step(v, x) ** 2), argnums=(0, 1))(v[0], x[0])
    np.testing.assert_allclose(by_v, 0.5 * v[0] + x[0], rtol=1e-5)
    np.testing.assert_allclose(by_x, 2 * (0.5 * v[0] + x[0]), rtol=1e-5)
    last, _ = jax.lax.scan(lambda v, x: (step(v, x), None), v[0], x)
    np.testing.assert_allclose(last, 0.25 * v[0] + 0.5 * x[0] + x[1], rtol=1e-5)

    mesh, rows = jax.make_mesh((1,), ("rows",)), jax.sharding.PartitionSpec("rows")
    shards = jax.device_put((v[0], x[0]), jax.sharding.NamedSharding(mesh, rows))
    sharded = jax.shard_map(step, mesh=mesh, in_specs=(rows, rows), out_specs=rows)(*shards)
    np.testing.assert_allclose(sharded, 0.5 * v[0] + x[0], rtol=1e-6)


def test_each_platform_gets_the_kernel_in_its_language() -> None:
    op = leaky("tests.leaky.everywhere")
    op.def_numba_kernel(in_numba)
    op.def_warp_kernel(in_warp)
    op.def_pallas_kernel(in_pallas)
    v = jnp.ones((8, 128))
    traced = jax.jit(lambda v: op(v, v, rate=0.5)).trace(v)
    found = {}
    for platforms in (("cpu",), ("cuda",), ("tpu",), ("cpu", "cuda", "tpu")):
        with brainevent.get_registry().record() as lowered:
            program = traced.lower(lowering_platforms=platforms).as_text()
        found[platforms] = {s.platform: s.backend.partition("-")[0] for s in lowered}
        assert program.count("@tpu_custom_call") == ("tpu" in platforms)
        assert program.count("@in_warp__locals__body") == ("cuda" in platforms)
    everywhere = {"cpu": "numba", "cuda": "warp", "tpu": "pallas"}
    assert found.pop(("cpu", "cuda", "tpu")) == everywhere
    assert found == {(platform,): {platform: language} for platform, language in everywhere.items()}

    # Of these, only what Pallas compiles outlives the process.
    with brainevent.get_registry().record() as lowered:
        exported = jax.export.export(jax.jit(lambda v: op(v, v, rate=0.5)), platforms=("cpu", "cuda", "tpu"))(v)
    assert {s.platform: s.backend for s in lowered} == {"cpu": "reference", "cuda": "reference", "tpu": "pallas"}
    np.testing.assert_array_equal(exported.call(v), np.full((8, 128), 1.5))


def test_kernels_are_for_the_platforms_of_their_language() -> None:
    op = leaky("tests.leaky.nowhere")
    for define, message in (
        (op.def_warp_kernel, "warp can be for 'cuda' or 'cpu', got platform='tpu'"),
        (op.def_pallas_kernel, "pallas can be for 'tpu' or 'cuda' or 'cpu', got platform='gpu'"),
    ):
        with pytest.raises(brainevent.RegistrationError, match=message):
            define(in_numba, platform=message.rpartition("=")[2].strip("'"))


def test_kernel_without_generator(rng: np.random.Generator) -> None:
    @brainevent.numba_kernel
    def body(x, total, largest):  # type: ignore[no-untyped-def]
        total[0] = x.sum()
        largest[0] = x.max()

    op = XLACustomKernel("tests.summary")
    op.def_abstract_eval(lambda x, **_: [jax.ShapeDtypeStruct((1,), x.dtype)] * 2)
    op.def_numba_kernel(body)
    x = rng.random(9).astype(np.float32)
    total, largest = op(x)
    np.testing.assert_allclose((total[0], largest[0]), (x.sum(), x.max()), rtol=1e-6)
    with pytest.raises(brainevent.KernelCompilationError, match=r"static parameters rate.*generator"):
        op(x, rate=3)


def test_kernels_belong_to_the_backend_of_their_language_that_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with both CUDA packages installed."""

    def found(name: str, priority: int, reason: str | None) -> BackendStatus:
        backend = Backend(
            name=name, platforms=("cpu",), api=1, register=print, priority=priority, languages={"odd_kernel": "a:b"}
        )
        return BackendStatus(name, name, "a:b", backend, reason)

    statuses = [found("first", 9, "no device"), found("second", 1, None), found("third", 2, None)]
    monkeypatch.setattr(languages, "backends", lambda: statuses)
    assert languages.language_backend("odd_kernel") == "third"
    assert languages.language_backend("even_kernel") == "even"


def test_a_language_that_is_missing_names_what_to_install() -> None:
    program = """
import importlib_metadata
importlib_metadata.entry_points = lambda **_: importlib_metadata.EntryPoints(())
import brainevent
from brainevent_core.plugins import LANGUAGES
for language in LANGUAGES:
    try:
        getattr(brainevent, language)
    except ImportError as error:
        print(error)
assert not hasattr(brainevent, "no_such_kernel")
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    errors = printed.splitlines()
    assert [error.split()[0] for error in errors] == list(LANGUAGES)
    for error, extras in zip(errors, LANGUAGES.values(), strict=True):
        assert all(f"pip install '{extra}'" in error for extra in extras)


def test_a_language_without_its_compiler_names_what_to_install(tmp_path: Path) -> None:
    """The CUDA packages are there, Warp is not: it comes with an extra of theirs."""
    source = f"import sys; sys.path[:0] = [{str(PACKAGES / 'brainevent-cuda13' / 'src')!r}]\n"
    install(tmp_path, "warp-cuda13", source + "from brainevent_cuda13.backend import BACKEND", distribution="cuda-only")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import importlib_metadata
(mine,) = [d for d in importlib_metadata.distributions(path=[{str(tmp_path)!r}])]
importlib_metadata.entry_points = lambda **_: mine.entry_points

class NoWarp:
    def find_spec(self, name, path=None, target=None):
        if name == "warp":
            raise ModuleNotFoundError("No module named 'warp'")

from importlib import util
find_spec = util.find_spec
util.find_spec = lambda name: None if name == "warp" else find_spec(name)
sys.meta_path.insert(0, NoWarp())
import brainevent
try:
    brainevent.warp_kernel
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'brainevent[cuda13]'" in done.stdout, done.stderr
