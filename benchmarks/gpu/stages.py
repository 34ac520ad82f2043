"""Tests and measurements: each stage takes a :class:`Machine` and yields rows."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.gpu.launcher import costs
from benchmarks.gpu.machine import Machine
from brainevent_core.bench.loop import looped
from brainevent_core.plugins import get_registry
from brainevent_core.precompile import calls
from brainevent_core.testing.conformance import check_conformance, conformance_cases
from brainevent_core.testing.conformance.check import device_of, primitives_of

__all__ = ["STAGES", "Row", "Stage", "rows_of"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        what: what was tested or measured.
        value: a number or a word.
        unit: of the number.
        passed: whether the value is as required; None if there is no requirement.
        wanted: the requirement.
    """

    what: str
    value: float | str
    unit: str = ""
    passed: bool | None = None
    wanted: str = ""


@dataclass(frozen=True)
class Stage:
    """A stage.

    Attributes:
        about: a short description.
        run: the function that yields its rows.
        seconds: its time limit.
        flags: XLA flags.
        under: the program that runs it, and its options; the stage is skipped if it isn't installed.
        cases: the maximum number of cases from a table.
    """

    about: str
    run: Callable[[Machine], Iterator[Row]]
    seconds: float
    flags: str = ""
    under: tuple[str, ...] = ()
    cases: int = 1000


# -- right or wrong ----------------------------------------------------------------------------------------------------


def self_test(machine: Machine) -> Iterator[Row]:
    """Small versions of the calls that models make, compared with the reference."""
    rng = np.random.default_rng(0)
    some = [call for call in calls("float32") if "gradient" not in call.name]
    for call in _spread(some, machine.cases):
        yield _same_as_reference(machine, call, rng)


def _same_as_reference(machine: Machine, call: Any, rng: np.random.Generator) -> Row:
    matrix, x = call.arguments[0]
    x = {
        name: jnp.asarray(rng.random(a.shape) < 0.3 if a.dtype == bool else rng.normal(size=a.shape), a.dtype)
        for name, a in x.items()
    }
    # A new function each time, because a function that is already compiled doesn't record its kernel.
    with get_registry().record() as lowered:
        found = np.asarray(jax.jit(lambda *arguments: call.function(*arguments))(matrix, x), np.float64)
    with brainevent.use_backend("reference"):
        expected = np.asarray(jax.jit(lambda *arguments: call.function(*arguments))(matrix, x), np.float64)
    right = np.allclose(found, expected, rtol=1e-4, atol=1e-4)
    ran = {one.backend for one in lowered}
    if ran != {machine.backend}:
        return Row(call.name, f"left to {', '.join(sorted(ran))}", passed=None if right else False)
    return Row(call.name, "right" if right else "wrong", passed=right, wanted="what the reference gives")


def conformance(machine: Machine) -> Iterator[Row]:
    """Cases of the conformance kit for every primitive that has kernels."""
    primitives = primitives_of(machine.backend, device_of(machine.backend))
    for primitive in primitives:
        cases = _spread(list(conformance_cases([primitive], whole=False)), machine.cases // len(primitives) or 1)
        outcomes = [check_conformance(case, machine.backend) for case in cases]
        failed = [one for one in outcomes if one.verdict == "failed"]
        passed = sum(one.verdict == "passed" for one in outcomes)
        yield Row(f"{primitive}, of {len(cases)} cases", passed, "pass", not failed if outcomes else None, "none fails")
        yield from (Row(one.case, one.message.strip(), passed=False) for one in failed[:5])


def _spread(items: list[Any], number: int) -> list[Any]:
    return items[:: max(1, -(-len(items) // number))]


# -- time --------------------------------------------------------------------------------------------------------------


def seconds_per_call(
    machine: Machine, step: Callable[..., Any], held: Any, patterns: Any, carried: Any = None
) -> float:
    """The minimum of three measurements of a compiled loop."""
    program = looped(step, held, patterns, carried=carried)
    calls, first = program.calibrated(0.001 if machine.tiny else 0.2)
    program.run(calls)
    return min([first, *(program.measure(calls)["wall"] for _ in range(2))]) / calls


def launches(machine: Machine) -> Iterator[Row]:
    """The cost of an operator in a loop: the time of five in a row minus the time of one."""
    n = 64
    dense = jnp.asarray(np.random.default_rng(0).random((n, n)) < 0.2, jnp.float32) / n
    matrices = {
        "FixedPostNumConn, one launch": brainevent.FixedPostNumConn.fromdense(dense),
        "CSR, two launches": brainevent.CSR.fromdense(dense),
    }
    for backend in (machine.backend, "reference"):
        for name, matrix in matrices.items():

            def chain(count: int, matrix: Any = matrix) -> float:
                def step(held: Any, pattern: Any) -> Any:
                    for _ in range(count):
                        pattern = pattern @ held
                    return pattern

                return seconds_per_call(machine, step, matrix, np.ones((4, n), np.float32))

            with brainevent.use_backend(backend):
                each = (chain(5) - chain(1)) / 4 * 1e6
            asked = backend != "reference" and machine.platform == "cuda"
            yield Row(f"{name}, {backend}", each, "µs", each <= 3 if asked else None, "≤ 3" if asked else "")


def launcher(machine: Machine) -> Iterator[Row]:
    """The share of the launcher, without a device: on the CPU, with kernels that do nothing."""
    wanted = {"two buffers zeroed and two launches, without XLA": 1, "an operator in lax.scan": 3}
    with jax.default_device(jax.devices("cpu")[0]):
        for what, cost in costs(machine):
            most = wanted.get(what)
            yield Row(what, cost, "µs", None if most is None else cost <= most, "" if most is None else f"≤ {most}")


def products(machine: Machine) -> Iterator[Row]:
    """Products and updates of a large matrix, compared with cuSPARSE, a dense product, and the memory bandwidth."""
    n, per_row = (200, 20) if machine.tiny else (20_000, 1000)
    rng = np.random.default_rng(0)
    indices = rng.integers(0, n, (n, per_row), dtype=np.int32)
    weights = rng.random((n, per_row), dtype=np.float32)
    matrix = brainevent.FixedPostNumConn((jnp.asarray(weights), jnp.asarray(indices)), shape=(n, n))
    spikes, numbers = rng.random((4, n)) < 0.01, rng.random((4, n), dtype=np.float32)
    entries = n * per_row
    gpu = machine.platform == "cuda"

    def took(step: Callable[..., Any], held: Any, patterns: Any, carried: Any = None) -> float:
        return seconds_per_call(machine, step, held, patterns, carried)

    length = 4 * entries
    copy = took(lambda held, pattern, carried: carried + pattern[0], 0, numbers, jnp.ones(length, jnp.float32))
    bandwidth = 8 * length / copy
    yield Row("memory, read and written", bandwidth / 1e9, "GB/s")
    events = took(lambda W, x: brainevent.BinaryArray(x) @ W, matrix, spikes)
    yield Row("spikes @ W, 1 %", events * 1e6, "µs")
    yield Row("W @ spikes, 1 %", took(lambda W, x: W @ brainevent.BinaryArray(x), matrix, spikes) * 1e6, "µs")
    yield Row("v @ W", took(lambda W, v: v @ W, matrix, numbers) * 1e6, "µs")
    gather = took(lambda W, v: W @ v, matrix, numbers)
    yield Row("W @ v", gather * 1e6, "µs")
    share = 8 * entries / gather / bandwidth * 100
    yield Row("W @ v, of the speed of memory", share, "%", share >= 60 if gpu else None, "≥ 60" if gpu else "")
    yield Row("update_on_pre, 1 %", took(_learning, matrix, spikes, matrix.data) * 1e6, "µs")
    for name, other in _others(indices, weights, n, gpu=gpu).items():
        try:
            found = took(*other, numbers)
        except Exception as error:  # a failure is a result as well
            yield Row(name, f"{type(error).__name__}: {str(error)[:100]}")
            continue
        ratio, asked = found / events, gpu and name.startswith("cuSPARSE")
        yield Row(name, found * 1e6, "µs")
        yield Row(f"{name}, times spikes @ W", ratio, "", ratio >= 10 if asked else None, "≥ 10" if asked else "")


def _learning(matrix: Any, spikes: Any, weights: Any) -> Any:
    return matrix.with_data(weights).update_on_pre(spikes, 0.001, 0.0, 1.0, clip="updated").data


def _others(
    indices: np.ndarray, weights: np.ndarray, n: int, *, gpu: bool
) -> Mapping[str, tuple[Callable[..., Any], Any]]:
    """Alternatives that compute the product: functions of a matrix and a vector, and the matrix."""
    from jax.experimental import sparse

    if gpu:
        jax.config.update("jax_bcoo_cusparse_lowering", True)
    rows = np.repeat(np.arange(n, dtype=np.int32), indices.shape[1])
    order = np.argsort(indices.reshape(-1), kind="stable")
    pairs = np.stack([indices.reshape(-1)[order], rows[order]], 1)
    by_target = sparse.BCOO(
        (jnp.asarray(weights.reshape(-1)[order]), jnp.asarray(pairs)), shape=(n, n), indices_sorted=True
    )
    dense = np.zeros((n, n), np.float32)
    np.add.at(dense, (rows, indices.reshape(-1)), weights.reshape(-1))
    kind = "cuSPARSE" if gpu else "jax.experimental.sparse"
    return {
        f"{kind}, W.T @ v": (lambda W, v: W @ v, by_target),
        "dense, v @ W": (lambda W, v: v @ W, jnp.asarray(dense)),
    }


def network(machine: Machine) -> Iterator[Row]:
    """The COBA network: how many times faster than real time."""
    sys.path.insert(0, str(ROOT / "examples"))
    import brainunit as u
    import coba

    wanted: dict[float, float] = {1: 10.0, 100: 1.0}
    for scale, milliseconds in ((0.05, 5.0), (0.1, 5.0)) if machine.tiny else ((1, 1000.0), (10, 500.0), (100, 100.0)):
        made = coba.make_network(scale)
        recording = coba.simulate(made, milliseconds * u.ms)
        factor = milliseconds / 1000 / recording.run_seconds
        least = wanted.get(scale) if machine.platform == "cuda" else None
        passed, said = (None, "") if least is None else (factor >= least, f"≥ {least:g}")
        yield Row(f"COBA, {made.parameters.n:,} neurons", factor, "× real time", passed, said)
        rate = recording.spike_neurons.size / made.parameters.n / (milliseconds / 1000)
        yield Row(f"COBA, {made.parameters.n:,} neurons, firing rate", rate, "Hz")
        yield Row(f"COBA, {made.parameters.n:,} neurons, compiled in", recording.compile_seconds, "s")


# -- processes ---------------------------------------------------------------------------------------------------------


def shared_cache(machine: Machine) -> Iterator[Row]:
    """Two processes at once with the same folder of kernels, which is initially empty if Warp can fill it."""
    with tempfile.TemporaryDirectory(prefix="brainevent-") as folder:
        environment = dict(os.environ)
        # Otherwise each process takes most of a GPU's memory.
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        if importlib.util.find_spec("warp") is not None:
            environment["BRAINEVENT_CACHE_DIR"] = folder
        outs = [Path(folder) / f"{number}.json" for number in range(2)]
        few = {**asdict(machine), "cases": min(machine.cases, 4)}
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.gpu.worker", "self-test", json.dumps(few), str(out)],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for out in outs
        ]
        errors = [process.communicate()[1] for process in processes]
        for number, (process, out, said) in enumerate(zip(processes, outs, errors, strict=True), 1):
            found = json.loads(out.read_text()) if process.returncode == 0 else []
            right = bool(found) and all(row["passed"] is not False for row in found)
            value = f"{len(found)} calls" if process.returncode == 0 else said.strip()[-200:]
            yield Row(f"process {number}", value, passed=right, wanted="no error, all right")


_SANITIZER = ("compute-sanitizer", "--error-exitcode", "9", "--target-processes", "all", "--tool")
_RECORDED = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL"

#: The stages, in the order in which they run. Their limits add up to nine minutes.
STAGES: dict[str, Stage] = {
    "self-test": Stage("calls of models beside the reference", self_test, 70),
    "launches": Stage(
        "an operator in a loop, launched one by one", launches, 40, flags="--xla_gpu_enable_command_buffer="
    ),
    "launches, recorded": Stage(
        "the same in command buffers",
        launches,
        40,
        flags=f"--xla_gpu_enable_command_buffer={_RECORDED} --xla_gpu_graph_min_graph_size=1",
    ),
    "launcher": Stage("what of that is the launcher's, on the CPU with kernels that do nothing", launcher, 20),
    "products": Stage("beside cuSPARSE, dense, and the speed of memory", products, 90),
    "network": Stage("COBA at three sizes", network, 80),
    "shared cache": Stage("two processes with one folder of kernels", shared_cache, 50),
    "conformance": Stage("cases of the conformance kit", conformance, 80, cases=80),
    "memcheck": Stage("accesses to memory that isn't there", self_test, 40, under=(*_SANITIZER, "memcheck"), cases=8),
    "racecheck": Stage("races in shared memory", self_test, 30, under=(*_SANITIZER, "racecheck"), cases=4),
}


def rows_of(name: str, machine: Machine) -> Iterator[dict[str, Any]]:
    """The rows of a stage as dictionaries, each as soon as it is available."""
    with machine.offered():
        yield from map(asdict, STAGES[name].run(machine))
