"""The conformance kit: cases, checks and a command line for testing backends.

It needs the extra ``brainevent[testing]``, and is not imported with ``brainevent``.
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
