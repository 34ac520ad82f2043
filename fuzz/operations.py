"""What a fuzzed operation is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import brainevent
from fuzz.model import Expected

__all__ = ["BACKENDS", "Fault", "Operation", "Row", "Trial", "missing", "public"]

BACKENDS = ("reference", "numba", "guarded")
"""Guarded: the kernels of Numba on guarded memory."""

Row = Mapping[str, Any]
"""The values of an operation's columns in one cell."""

Fault = Callable[[dict[str, Any]], dict[str, Any]]
"""Replaces arguments by others that nothing can be made of: the call must be an error."""


@dataclass
class Trial:
    """Random arguments of a call, and what must come of it.

    Attributes:
        arrays: by the names of the call's parameters.
        expected: the results; None if only memory safety is asked for, as for what users can't make.
        well_formed: whether a call that checks must take them.
        may_refuse: whether a call that is not traced may refuse malformed contents, checks or not.
        out_of_range: whether a call that is not traced must be an error, for an index that can be seen.
    """

    arrays: dict[str, np.ndarray]
    expected: Callable[[], Sequence[Expected] | None]
    well_formed: bool = True
    may_refuse: bool = False
    out_of_range: bool = False


@dataclass(frozen=True)
class Operation:
    """An operation of the public interface, as a row of the table.

    Attributes:
        name: for the reader.
        columns: what its cells fix, by name; they are a pairwise cover of the values. What is compiled may depend on
            nothing else. A cell with the value "float64" or "x64" is called with JAX's 64-bit mode on.
        draw: makes a trial.
        call: what makes the call of a cell: ``call(row) → function(arrays, check) → results``. ``check=False`` asks for
            no check of values; a function whose call takes no such argument ignores it.
        needs: public names without which the operation is left out, and reported as such.
        allowed: which combinations of columns exist; sees incomplete rows, too.
        faults: by name, what makes any arguments of a cell an error.
        traced: whether it can be called inside ``jit``.
        backends: on which it is called; the reference alone for what has no kernels.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    draw: Callable[[Row, np.random.Generator], Trial]
    call: Callable[[Row], Callable[[dict[str, Any], bool], Any]]
    needs: Sequence[str] = ()
    allowed: Callable[[Row], bool] = lambda row: True
    faults: Callable[[Row], Mapping[str, Fault]] = field(default=lambda row: {})
    traced: bool = True
    backends: Sequence[str] = BACKENDS

    @property
    def number(self) -> int:
        """Tells the random numbers of operations apart."""
        return zlib.crc32(self.name.encode())


def public(path: str) -> Any:
    """What brainevent calls so, or None: an operation can be in the table before it is in the package."""
    found: Any = brainevent
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def missing(operation: Operation) -> str | None:
    """The first name that the operation needs and the installed package lacks."""
    for path in operation.needs:
        # What a base class of another package has for us to fill in is not there.
        if not getattr(public(path), "__module__", "").startswith("brainevent"):
            return path
    return None
