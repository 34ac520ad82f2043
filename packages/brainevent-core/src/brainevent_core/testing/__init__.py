"""The conformance kit: cases, checks and a command line with which every backend is tested.

Needs the extra ``brainevent[testing]``. Nothing here is imported with ``brainevent``.
"""

from brainevent_core.testing.conformance import (
    ConformanceCase,
    ConformanceSuite,
    Outcome,
    check_conformance,
    conformance_cases,
    main,
    run_cases,
)

__all__ = [
    "ConformanceCase",
    "ConformanceSuite",
    "Outcome",
    "check_conformance",
    "conformance_cases",
    "main",
    "run_cases",
]
