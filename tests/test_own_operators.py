"""User-defined operators: kernels in every language for a primitive, and access to the languages."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from functools import partial
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
from brainevent_core.primitive import generated
from brainevent_core.primitive.catalogue import forget
from brainevent_core.primitive.identity import identity

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
    # Also by name, although the backend of this name can't run here.
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

    # Of these, only kernels compiled by Pallas can be exported.
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


def scaled_in_numba(*, rate: float, outs: Any, by_size: bool = False) -> Any:
    numba = importlib.import_module("numba")
    table = np.array([rate, 1.0], np.float32)  # unhashable, and equal each time
    size = outs.shape[0] if by_size else 1

    @numba.njit
    def scale(x):  # type: ignore[no-untyped-def]
        return table[0] * x * size

    def body(v, out):  # type: ignore[no-untyped-def]
        for i in range(v.size):
            out[i] = scale(v[i])

    return brainevent.numba_kernel(numba.njit(body), outs=outs)


def scaled_in_warp(*, rate: float, outs: Any, by_size: bool = False) -> Any:
    warp_kernel = language_or_skip("warp_kernel")
    wp = importlib.import_module("warp")
    wp.config.log_level = wp.LOG_WARNING
    size = float(outs.shape[0]) if by_size else 1.0

    @wp.func
    def scale(x: float):  # type: ignore[no-untyped-def]
        return rate * x * size

    def body(v: wp.array(dtype=float), out):  # type: ignore[no-untyped-def, valid-type]
        i = wp.tid()
        out[i] = scale(v[i])

    return warp_kernel(body, outs=outs, dim=lambda v: v.shape)


def scaled_in_pallas(*, rate: float, outs: Any, by_size: bool = False) -> Any:
    pallas_kernel = language_or_skip("pallas_kernel")
    pl = importlib.import_module("jax.experimental.pallas")
    factors = {"rate": [rate], "size": [outs.shape[0] if by_size else 1]}

    def body(v, out):  # type: ignore[no-untyped-def]
        out[...] = factors["rate"][0] * v[...] * factors["size"][0]

    return pallas_kernel(body, outs=outs, in_specs=[pl.BlockSpec(index_map=lambda: (0,))])


SCALED = {"numba": scaled_in_numba, "warp": scaled_in_warp, "pallas": scaled_in_pallas}


def count_compiled(monkeypatch: pytest.MonkeyPatch, language: str) -> list[Any]:
    """A list that grows with each kernel that the language compiles, or, for Pallas, calls for the first time."""
    compiled: list[Any] = []

    def note(module: Any, name: str) -> None:
        original = getattr(module, name)

        def noted(*args: Any, **options: Any) -> Any:
            if language != "pallas":
                compiled.append(args)
            elif args[0] not in compiled:
                compiled.append(args[0])
            return original(*args, **options)

        monkeypatch.setattr(module, name, noted)

    if language == "numba":
        note(importlib.import_module("brainevent_cpu.bridge.handler"), "compile_handler")
    elif language == "warp":
        language_or_skip("warp_kernel")
        note(importlib.import_module("warp"), "kernel")
    else:
        language_or_skip("pallas_kernel")
        note(importlib.import_module("brainevent_tpu.language").PallasKernel, "apply")
    return compiled


@pytest.mark.parametrize("language", SCALED)
def test_generated_kernel_is_compiled_once(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for ten sizes, again for another rate, and once per size if the generator closes over it."""
    compiled = count_compiled(monkeypatch, language)
    for by_size, rates, sizes, number in ((False, (0.5, 0.25), (*range(1, 11), 2), 2), (True, (0.5,), (2, 3, 2), 2)):
        op = XLACustomKernel(f"tests.scaled.{language}.{by_size}")
        op.def_abstract_eval(lambda v, *, rate: jax.ShapeDtypeStruct(v.shape, v.dtype))
        op.def_language_kernel(language, partial(SCALED[language], by_size=by_size), platform="cpu")
        compiled.clear()
        for rate in rates:
            for size in sizes:
                v = np.arange(1, size + 1, dtype=np.float32)
                found = op(v, rate=rate)
                np.testing.assert_allclose(found, rate * v * (size if by_size else 1), rtol=1e-6)
        assert len(compiled) == number
        forget(op.name)


def test_a_generator_may_choose_its_outputs_and_return_any_function() -> None:
    def generate(*, whole: bool, outs: Any) -> Any:
        @brainevent.numba_kernel(outs=lambda v: v)
        def body(v, out):  # type: ignore[no-untyped-def]
            out[:] = v + 1

        return body if whole else lambda v: body(v) * 1

    op = XLACustomKernel("tests.any_function")
    op.def_abstract_eval(lambda v, *, whole: jax.ShapeDtypeStruct(v.shape, v.dtype))
    op.def_numba_kernel(generate)
    for size in (2, 3):
        for whole in (True, False):
            np.testing.assert_array_equal(op(jnp.ones(size), whole=whole), np.full(size, 2))


def test_few_generated_kernels_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "KEPT_CALLS", 3)
    monkeypatch.setattr(generated, "KEPT_KERNELS", 2)
    asked: list[int] = []

    def generate(*, n: int, outs: Any) -> Any:
        asked.append(n)

        def body(v, out):  # type: ignore[no-untyped-def]
            out[:] = n * v

        return brainevent.numba_kernel(body)

    kernels = generated.GeneratedKernels(generate)
    made = [kernels({"n": n}, jax.ShapeDtypeStruct((3,), jnp.float32)) for n in (0, 1, 2, 3, 3, 0)]
    assert asked == [0, 1, 2, 3, 0]
    assert made[3] is made[4]
    assert len(kernels._calls._entries) == 3
    assert len(kernels._kernels._entries) == 2


def functions(n: Any, default: Any = 1, annotation: Any = int) -> Any:
    """Functions that close over a value, over another function, and over themselves."""

    def inner(x, y=default):  # type: ignore[no-untyped-def]
        return (n, x, y)

    def outer(x: annotation):  # type: ignore[no-untyped-def, valid-type]
        return inner(x), outer

    return inner, outer, partial(outer, n)


EQUAL: dict[str, Callable[[], Any]] = {
    "int": lambda: 1,
    "bool": lambda: True,
    "float": lambda: 1.0,
    "minus zero": lambda: -0.0,
    "zero": lambda: 0.0,
    "nan": lambda: float("nan"),
    "complex": lambda: complex(0.0, -0.0),
    "array": lambda: np.arange(3),
    "other array": lambda: np.arange(3) + 1,
    "array of floats": lambda: np.arange(3.0),
    "transposed array": lambda: np.ones((2, 3)).T,
    "array of that shape": lambda: np.ones((3, 2)),
    "scalar of NumPy": lambda: np.float32(1),
    "wider scalar of NumPy": lambda: np.float64(1),
    "list": lambda: [1, [2.0]],
    "tuple": lambda: (1, [2.0]),
    "set": lambda: {1, 2},
    "dict": lambda: {"a": [1]},
    "struct": lambda: jax.ShapeDtypeStruct((3,), np.dtype(np.float32)),
    "wider struct": lambda: jax.ShapeDtypeStruct((3,), np.dtype(np.float64)),
    "dtype": lambda: np.dtype(np.int8),
    "type": lambda: np.int8,
    "functions": lambda: functions(1),
    "functions of a float": lambda: functions(1.0),
    "functions of a list": lambda: functions([1]),
    "functions with another default": lambda: functions(1, 2),
    "functions with another annotation": lambda: functions(1, annotation=float),
}


def test_what_is_the_same_function() -> None:
    keys = {name: identity(make()) for name, make in EQUAL.items()}
    assert {name: identity(make()) for name, make in EQUAL.items()} == keys
    assert len(set(keys.values())) == len(EQUAL)
    assert identity(object()) != identity(object())
    array = jnp.ones(3)
    assert identity([array]) == identity([array]) != identity([jnp.ones(3)])


TUNABLE = 1


def reads_a_global() -> int:
    return TUNABLE


def test_a_function_is_another_when_its_globals_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(reads_a_global)
    assert identity(reads_a_global) == before
    monkeypatch.setitem(reads_a_global.__globals__, "TUNABLE", 1.0)
    assert identity(reads_a_global) != before


MADE_LANGUAGE = """
from brainevent_core.plugins import Backend
from brainevent_core.primitive import LanguageKernel

class MadeKernel(LanguageKernel):
    language = "made_kernel"
    platforms = ("cpu", "cuda")
    exportable = True

    def apply(self, inputs, outs):
        return [self.fn(*inputs).astype(outs[0].dtype)]

def made_kernel(fn=None, **options):
    return MadeKernel.make(fn, **options)

def plain_kernel(fn):  # a language that shares nothing with the others
    return fn

LANGUAGES = {"made_kernel": f"{__name__}:made_kernel", "plain_kernel": f"{__name__}:plain_kernel"}
BACKEND = Backend(
    name="made", platforms=("tpu", "cpu"), api=1, register=lambda registry: None, priority=500, languages=LANGUAGES
)
"""

USES_MADE_LANGUAGE = """
import brainevent, jax, jax.numpy as jnp

def op(name):
    found = brainevent.XLACustomKernel(name)
    found.def_abstract_eval(lambda x, *, n: jax.ShapeDtypeStruct(x.shape, x.dtype))
    found.def_reference(lambda x, *, n: n * x)
    return found

def generate(*, n, outs):
    asked.append(outs.shape)
    return brainevent.made_kernel(lambda x: 10 * n * x, outs=outs)

asked, x = [], jnp.ones(3)
made = op("made")
made.def_made_kernel(generate)
assert made(x, n=2).tolist() == [20] * 3
assert jax.vmap(lambda x: made(x, n=2))(jnp.ones((2, 3))).tolist() == [[20] * 3] * 2
assert asked == [(3,)]
assert made.available_backends("cpu") == ("made", "reference")
with brainevent.get_registry().record() as lowered:
    jax.export.export(jax.jit(lambda x: made(x, n=2)))(x)
assert [s.backend for s in lowered] == ["made"]
made.def_language_kernel("made", generate, platform="cuda", priority=1)
plain = op("plain")
plain.def_plain_kernel(lambda *, n, outs: brainevent.plain_kernel(lambda x: n * x), platform="cpu")
plain.def_plain_kernel(lambda *, n, outs: lambda x: n * x, supports=lambda x, *, n: True)
kernels = brainevent.get_registry().kernels
assert [k.platform for k in kernels("plain")] == ["cpu", "tpu"]
for call in (
    lambda: made.def_made_kernel(generate, platform="tpu"),
    lambda: made.def_language_kernel("maid", generate),
    lambda: made.def_maid_kernel,
    lambda: made.made_kernel,
):
    try:
        call()
    except (brainevent.RegistrationError, AttributeError) as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_language_of_another_package_has_its_method(tmp_path: Path) -> None:
    install(tmp_path, "made", MADE_LANGUAGE)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{USES_MADE_LANGUAGE}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    platform, unknown, *attributes = done.stdout.splitlines()
    assert "made can be for 'cpu' or 'cuda', got platform='tpu'" in platform
    assert "No backend brings the language 'maid'" in unknown
    assert "found: 'made', 'numba', 'pallas', 'plain', 'warp'" in unknown
    assert [a.startswith("AttributeError: 'XLACustomKernel' object has no") for a in attributes] == [True, True]


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
    """As if both CUDA packages were installed."""

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
    """The CUDA packages are installed, but not Warp, which comes with one of their extras."""
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
