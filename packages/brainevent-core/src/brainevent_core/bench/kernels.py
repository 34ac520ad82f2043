"""Kernels of several backends, measured in turns in this process."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import config
from brainevent_core.bench.cases import BenchCase, Drawn, draw
from brainevent_core.bench.figures import Clock, Outcome, Sample
from brainevent_core.bench.loop import looped
from brainevent_core.bench.machine import usable
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.program import Program
from brainevent_core.bench.rounds import Effort, in_turns
from brainevent_core.plugins import get_registry
from brainevent_core.primitive import get_primitive
from brainevent_core.primitive.vmap_axes import as_list
from brainevent_core.testing.conformance.check import why_declined
from brainevent_core.testing.conformance.comparison import difference
from brainevent_core.testing.numerics import x64

__all__ = ["measure_case"]


def measure_case(
    case: BenchCase,
    backends: Sequence[str],
    effort: Effort,
    *,
    clock: Clock = "wall",
    progress: Callable[[str], None] = lambda doing: None,
) -> Measured[BenchCase]:
    """Compare the results of backends with that of the reference, then measure those with right results in turns.

    Args:
        case: the case.
        backends: their names, including the reference. If the first has no kernel for the case, nothing is measured.
        effort: how long to measure.
        clock: the clock by which backends are compared.
        progress: a function that gets messages about the progress.

    Returns:
        The outcome for each backend: "measured", "unsupported" if it has no kernel for the call, "wrong" if its result
        differs from that of the reference, "failed" if it raised an error.

    Example:
        >>> from brainevent_core.bench import Effort, bench_cases, measure_case
        >>> case, *_ = bench_cases(["encode_events"], sizes=[100])
        >>> measured = measure_case(case, ["reference"], Effort(rounds=3, seconds=0.001, patience=1.0))
        >>> measured.outcomes["reference"].status
        'measured'
    """
    with x64(case.of_kit["dtype"] == "float64"):
        drawn = draw(case)
        held: list[Any] = [
            None if i == drawn.position else jnp.asarray(operand) for i, operand in enumerate(drawn.call.operands)
        ]
        outcomes: dict[str, Outcome] = {}
        programs: dict[str, Program] = {}
        results: dict[str, Any] = {}
        for name in backends:
            progress(f"prepare {name}")
            programs[name] = _program(case, drawn, held, name)
            outcomes[name], results[name] = _first(programs[name], name)
            if outcomes[backends[0]].status == "unsupported":
                return Measured(case, usable(), clock, outcomes)
        _compare(outcomes, results, drawn.call.precision)
        rounds = {}
        for name, outcome in outcomes.items():
            if outcome.measured:
                outcome.calls, took = programs[name].calibrated(effort.seconds)
                rounds[name] = effort.rounds_for(took)
        in_turns(rounds, lambda name: _measure(programs[name], outcomes[name]), progress)
        connections = drawn.connections
        return Measured(case, usable(), clock, outcomes, {} if connections is None else {"connections": connections})


def _program(case: BenchCase, drawn: Drawn, held: Sequence[Any], backend: str) -> Program:
    primitive = get_primitive(case.primitive)
    replaced = primitive.overwritten(drawn.call.params)

    def step(held: Sequence[Any], pattern: Any, carried: Sequence[Any] = ()) -> Any:
        operands = list(held)
        operands[drawn.position] = pattern
        for i, array in zip(replaced, carried):
            operands[i] = array
        with config.use_backend(backend):
            result = primitive(*operands, **drawn.call.params)
        return as_list(result)[: len(replaced)] if replaced else result

    return looped(step, held, drawn.patterns, carried=[held[i] for i in replaced] or None)


def _first(program: Program, backend: str) -> tuple[Outcome, Any]:
    """Compile a program, and run it once."""
    assert program.result is not None
    with get_registry().record() as selections:
        try:
            result = jax.block_until_ready(program.result())
        except Exception:
            return Outcome("failed", traceback.format_exc()), None
    if not any(selection.backend == backend for selection in selections):
        return Outcome("unsupported", why_declined(backend, selections)), None
    return Outcome("measured"), result


def _compare(outcomes: dict[str, Outcome], results: dict[str, Any], precision: str | None) -> None:
    """Mark results that differ from the reference's beyond the precision of the call."""
    reference = outcomes[config.REFERENCE]
    expected = jax.tree.leaves(results[config.REFERENCE])
    for name, outcome in outcomes.items():
        if outcome is reference or not outcome.measured:
            continue
        if not reference.measured:
            outcome.status, outcome.reason = "failed", "there is nothing to compare with: the reference failed"
            continue
        wrong = difference(jax.tree.leaves(results[name]), expected, precision)
        if wrong is not None:
            outcome.status, outcome.reason = "wrong", wrong


def _measure(program: Program, outcome: Outcome) -> None:
    took = program.measure(outcome.calls)
    outcome.samples.append(Sample(took["wall"] / outcome.calls, took["cpu"] / outcome.calls))
