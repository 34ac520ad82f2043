"""One case of a conformance table, and its outcome."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ConformanceCase", "Outcome"]


@dataclass(frozen=True)
class ConformanceCase:
    """A call of a primitive under a transformation; ``str(case)`` is its name.

    Attributes:
        primitive: name of the primitive.
        values: the value in each column of the primitive's table, with the transformation last. Values are words
            without "-".
        columns: the names of those columns.

    Example:
        >>> from brainevent_core.testing import conformance_cases
        >>> case = next(conformance_cases(["encode_events"], whole=True))
        >>> str(case)
        'encode_events-bitpacked-vector-some-0x3-ample-eager'
        >>> case["transform"]
        'eager'
    """

    primitive: str
    values: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, primitive: str, row: Mapping[str, str]) -> ConformanceCase:
        """The case of a row of the primitive's table."""
        return cls(primitive, tuple(row.values()), tuple(row))

    def __str__(self) -> str:
        return "-".join((self.primitive, *self.values))

    def __getitem__(self, column: str) -> str:
        return self.values[self.columns.index(column)]

    def get(self, column: str, default: str) -> str:
        """The value in a column, or ``default`` if the primitive's table doesn't have it."""
        return self[column] if column in self.columns else default

    @property
    def seed(self) -> int:
        """The seed of the random inputs, which depends only on the name."""
        return zlib.crc32(str(self).encode())


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case.

    Attributes:
        case: its name.
        primitive, transform, dtype: its position in the report.
        verdict: "passed", "failed" or "declined".
        message: why it failed or was declined; empty if it passed.
        named: whether the backend declares that it declines the case.
    """

    case: str
    primitive: str
    transform: str
    dtype: str
    verdict: str
    message: str = ""
    named: bool = False

    @classmethod
    def of(cls, case: ConformanceCase, verdict: str, message: str = "", *, named: bool = False) -> Outcome:
        """The outcome of a case."""
        dtype = case.get("dtype", "integers")
        return cls(str(case), case.primitive, case["transform"], dtype, verdict, message, named)

    @property
    def conforms(self) -> bool:
        """Whether the case passed, or was declined as declared."""
        return self.verdict == "passed" or (self.verdict == "declined" and self.named)
