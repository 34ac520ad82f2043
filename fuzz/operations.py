"""The definition of a fuzzed operation."""

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
    """Random arguments of a call, and the expected outcome.

    Attributes:
        arrays: by the names of the call's parameters.
        expected: the results; None if only memory safety is checked, as for operands that users can't create.
        well_formed: whether a call that validates must accept them.
        may_refuse: whether an eager call may reject malformed contents, with or without validation.
        out_of_range: whether an eager call must raise an error, because an index is out of range.
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
        columns: the parameters that its cells fix, by name; cells are a pairwise cover of the values. Nothing else may
            affect what is compiled. A cell with the value "float64" or "x64" is called in JAX's 64-bit mode.
        draw: creates a trial.
        call: creates the call of a cell: ``call(row) → function(arrays, check) → results``. With ``check=False``,
            values are not validated; a function without this argument ignores it.
        needs: public names without which the operation is left out, and reported as such.
        allowed: which combinations of columns exist; also called for incomplete rows.
        faults: by name, changes that make any arguments of a cell invalid.
        traced: whether it can be called inside ``jit``.
        backends: the backends on which it is called; only the reference for operations without kernels.
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
        """A number that makes the random numbers of each operation different."""
        return zlib.crc32(self.name.encode())


def public(path: str) -> Any:
    """The object of this name in brainevent, or None: the table may list operations that don't exist yet."""
    found: Any = brainevent
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def missing(operation: Operation) -> str | None:
    """The first name that the operation needs and that the installed package lacks."""
    for path in operation.needs:
        # A method inherited from another package's base class, which expects us to implement it, counts as missing.
        if not getattr(public(path), "__module__", "").startswith("brainevent"):
            return path
    return None
