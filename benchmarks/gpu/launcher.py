"""The cost of the native launcher itself: kernels that do nothing, on the CPU in place of a GPU."""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.gpu.machine import Machine

__all__ = ["costs"]

_SIZES = 11


@dataclasses.dataclass(frozen=True)
class _Nothing:
    """A kernel that does nothing; implements `Kernel` of the launcher."""

    name: str = "nothing"
    digest: str = "nothing"

    def host_entry(self) -> int:
        return int(_compiled("void(int64, int64)", lambda bounds, words: None).address)

    def symbol(self) -> str:
        return self.name

    def image(self, architecture: int) -> bytes:
        raise NotImplementedError


def costs(machine: Machine) -> Iterator[tuple[str, float]]:
    """Microseconds of CPU time: of the handler alone, and of an operator in ``lax.scan`` compared with simpler calls.

    The operator zeroes two buffers and makes two launches, with as many arrays and sizes as a product of CSR.
    """
    plan, inputs = _plan(machine)
    yield "two buffers zeroed and two launches, without XLA", _alone(machine, plan, inputs)
    planned_call = machine.module("launcher.call").planned_call
    outs = [jax.ShapeDtypeStruct((64,), np.dtype("int32")), jax.ShapeDtypeStruct((8,), np.dtype("int32"))]
    _, *others = inputs

    def operator(x: Any) -> Any:
        return planned_call(plan, x, *others, outs=outs, sizes=[64] * _SIZES, platform="cpu")[0]

    def nothing(x: Any) -> Any:
        call = jax.ffi.ffi_call(_nothing_of_xla(), outs)
        return call(x, *others, plan=np.int64(0), sizes=np.zeros(_SIZES, np.int64))[0]

    bodies = {"operator": operator, "nothing": nothing, "turn": lambda x: x + 1}
    took = _in_turns({name: _scanned(body, jnp.asarray(inputs[0])) for name, body in bodies.items()})
    less = [a - b for a, b in zip(took["operator"], took["nothing"], strict=True)]
    yield "an operator in lax.scan", statistics.median(took["operator"])
    yield "a call of XLA's that does nothing, instead", statistics.median(took["nothing"])
    yield "an addition of XLA's, instead", statistics.median(took["turn"])
    yield "an operator, less a call that does nothing", statistics.median(less)


def _plan(machine: Machine) -> tuple[Any, list[np.ndarray]]:
    """The plan, and its inputs: weights, indices, pointers, x. The outputs are the product and maxima of pointers."""
    of = machine.module("launcher.plan")
    words = (*map(of.Pointer, range(6)), of.Size(0), of.Size(0), *map(of.Size, range(8)))
    launch = of.Launch(_Nothing(), 0, 1, words)
    four = of.Buffer(4, 1)
    plan = of.Plan("nothing", (four,) * 4, (four,) * 2, _SIZES, (of.Zero(4), launch, of.Zero(5), launch))
    return plan, [np.zeros(64, np.int32) for _ in range(4)]


def _alone(machine: Machine, plan: Any, inputs: list[np.ndarray]) -> float:
    """The handler, called in a compiled loop."""
    import numba

    from brainevent_cpu.bridge.memory import call_address
    from brainevent_cpu.testing import CallFrame

    launcher = machine.module("launcher.call")
    key = machine.module("launcher.records").enter(plan, launcher.driver_for("cpu"))
    sizes = np.full(_SIZES, 64, np.int64)
    frame = CallFrame(inputs, [np.zeros(64, np.int32), np.zeros(8, np.int32)], [np.int64(key), sizes])
    address, words = launcher.handler().address, frame.words.ctypes.data

    @numba.njit
    def loop(turns: int) -> None:
        for _ in range(turns):
            call_address(address, words, 0)

    loop(1)
    took = _in_turns({"": lambda: loop(_TURNS)})[""]
    assert not frame.errors
    return statistics.median(took)


def _scanned(body: Callable[[Any], Any], x: Any) -> Callable[[], Any]:
    run = jax.jit(lambda x: jax.lax.scan(lambda x, _: (body(x), None), x, length=_TURNS)[0])
    return lambda: run(x).block_until_ready()


_TURNS, _ROUNDS = 10_000, 15


def _in_turns(runs: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Microseconds per iteration of each loop, one number per round; every other round runs the loops in reverse."""
    for run in runs.values():
        run()
    took: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(_ROUNDS):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            began = time.process_time()
            runs[name]()
            took[name].append((time.process_time() - began) / _TURNS * 1e6)
    return took


@functools.cache
def _nothing_of_xla() -> str:
    """The FFI target of a handler that only answers the query for metadata."""
    from brainevent_cpu.bridge.frame import answer_metadata

    def handle(frame: int) -> int:
        answer_metadata(frame)
        return 0

    name = "benchmarks_nothing"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(_compiled("int64(int64)", handle).ctypes), platform="cpu")
    return name


_alive: list[Any] = []


def _compiled(signature: str, function: Callable[..., Any]) -> Any:
    """A C function that is never freed."""
    import numba

    _alive.append(numba.cfunc(signature)(function))
    return _alive[-1]
