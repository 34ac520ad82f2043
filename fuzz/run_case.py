"""One call: its arguments, the call, and the check of its result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent_core
from brainevent_core.testing.numerics import tolerance, x64
from fuzz.array_layouts import EAGER, TRACED, narrowed, present
from fuzz.cells import Case, Cell
from fuzz.model import Expected
from fuzz.operations import Trial

__all__ = ["Wrong", "perform"]

#: Valid errors. JAX's errors about tracing are also TypeErrors, but say nothing about the input.
_ERRORS = (brainevent_core.BrainEventError, ValueError, TypeError, IndexError)
_NO_ERRORS = (jax.errors.JAXTypeError, jax.errors.JAXIndexError, jax.errors.JaxRuntimeError)

_SHORTEST_MESSAGE = 15


class Wrong(Exception):
    """A call that neither raised an informative error nor returned the defined result."""


class NoError(Wrong):
    """A call that returned a result instead of raising an error."""


def perform(case: Case, seed: int) -> str:
    """Make one call, and return its outcome: "error" or "result".

    Raises:
        Wrong: if the outcome is wrong.
    """
    cell = case.cell
    random = np.random.default_rng([seed, cell.operation.number, case.number])
    wide = any(value in ("float64", "x64") for value in cell.row.values())
    backend = "numba" if cell.backend == "guarded" else cell.backend
    with x64(wide), brainevent_core.use_backend(backend), np.errstate(invalid="ignore", over="ignore"):
        trial = cell.operation.draw(cell.row, random)
        faults = cell.operation.faults(cell.row)
        if faults and random.random() < 0.2:
            return _must_fail(cell, trial, random, wide)
        how = ["checked", "unchecked", *(["traced"] * 2 if cell.operation.traced else [])][
            random.integers(4 if cell.operation.traced else 2)
        ]
        if how == "traced":
            return _traced(cell, trial, random, wide)
        return _eager(cell, trial, random, how)


def _must_fail(cell: Cell, trial: Trial, random: np.random.Generator, wide: bool) -> str:
    faults = cell.operation.faults(cell.row)
    name = list(faults)[random.integers(len(faults))]
    arrays = faults[name](trial.arrays)
    traceable = all(isinstance(array, np.ndarray) and array.dtype.kind in "biufc" for array in arrays.values())
    call = cell.operation.call(cell.row)
    if cell.operation.traced and traceable and "shape" not in arrays and random.random() < 0.3:
        run = functools.partial(jax.jit(lambda arrays: call(arrays, True)), _narrowed(arrays, wide))
    else:
        run = functools.partial(call, arrays, bool(random.integers(2)))
    return _expect_error(run, f"{name!r}")


def _eager(cell: Cell, trial: Trial, random: np.random.Generator, how: str) -> str:
    given = present(random, EAGER, trial.arrays)
    before = {name: _bytes(array) for name, array in given.items()}
    call = cell.operation.call(cell.row)
    run = functools.partial(call, given, how == "checked")
    if trial.out_of_range or (how == "checked" and not trial.well_formed and not trial.may_refuse):
        return _expect_error(run, "a malformed structure or an index out of range")
    if trial.may_refuse and not trial.well_formed:
        try:
            return _expect_error(run, "malformed contents")
        except NoError:
            pass
    found = _run(run)
    for name, array in given.items():
        if _bytes(array) != before[name]:
            raise Wrong(f"the call wrote into {name!r} that it was given")
    return _compare(found, trial)


#: Jitted calls, one for each cell.
_programs: dict[int, Any] = {}


def _traced(cell: Cell, trial: Trial, random: np.random.Generator, wide: bool) -> str:
    program = _programs.get(id(cell))
    if program is None:
        call = cell.operation.call(cell.row)
        program = _programs[id(cell)] = jax.jit(lambda arrays: call(arrays, True))
    narrow = Trial(_narrowed(trial.arrays, wide), trial.expected, trial.well_formed)
    given = present(random, TRACED, narrow.arrays)
    return _compare(_run(functools.partial(program, given)), narrow)


def _narrowed(arrays: dict[str, Any], wide: bool) -> dict[str, Any]:
    return {name: narrowed(array, wide) for name, array in arrays.items()}


def _run(run: Callable[[], Any]) -> list[np.ndarray]:
    try:
        return [np.asarray(array) for array in jax.tree.leaves(run())]
    except Exception as error:
        raise Wrong(f"an error in place of the result: {_described(error)}") from error


def _expect_error(run: Callable[[], Any], what: str) -> str:
    try:
        found = jax.block_until_ready(run())
    except _NO_ERRORS as error:
        raise Wrong(f"{what} is an error of the wrong kind: {_described(error)}") from error
    except _ERRORS as error:
        if len(str(error)) < _SHORTEST_MESSAGE:
            raise Wrong(f"{what} is an error that says too little: {_described(error)}") from error
        return "error"
    except Exception as error:
        raise Wrong(f"{what} is an error of the wrong kind: {_described(error)}") from error
    raise NoError(f"{what} is no error, but {str(found)[:200]}")


def _described(error: BaseException) -> str:
    text = str(error)
    # The errors of callbacks begin with a traceback, and contain the message at the end.
    return f"{type(error).__name__}: {text if len(text) <= 600 else f'{text[:300]} ... {text[-300:]}'}"


def _bytes(array: Any) -> bytes:
    return np.asarray(array).tobytes() if isinstance(array, (np.ndarray, jax.Array)) else repr(array).encode()


def _compare(found: list[np.ndarray], trial: Trial) -> str:
    wanted = trial.expected()
    if wanted is None:
        return "result"
    if len(found) != len(wanted):
        raise Wrong(f"{len(found)} results, expected {len(wanted)}")
    for position, (one, other) in enumerate(zip(found, wanted)):
        wrong = _difference(one, other)
        if wrong:
            raise Wrong(f"result {position} is wrong: {wrong}")
    return "result"


def _difference(found: np.ndarray, wanted: Expected) -> str | None:
    if found.shape != wanted.values.shape:
        return f"shape {found.shape}, expected {wanted.values.shape}"
    exact = jnp.issubdtype(found.dtype, jnp.integer) or found.dtype == np.bool_
    allowed = 0.0 if exact else tolerance(found.dtype)
    # Subnormal results are rounded to multiples of the smallest subnormal number, whatever their size.
    least = 0.0 if exact else float(jnp.finfo(found.dtype).smallest_subnormal)
    values = found.astype(np.float64)
    finite = np.isfinite(wanted.values)
    with np.errstate(invalid="ignore"):
        close = np.abs(values - wanted.values) <= allowed * (wanted.sizes + 1e-6) + least
        same = (values == wanted.values) | (np.isnan(values) & np.isnan(wanted.values))
    bad = ~np.where(finite, close, same)
    if not bad.any():
        return None
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"at {where} {values[where]!r}, expected {wanted.values[where]!r}; {int(bad.sum())} of {bad.size} differ"
