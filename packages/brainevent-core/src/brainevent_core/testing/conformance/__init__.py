"""The conformance kit: the requirements for every kernel of a backend, as a table of cases, and code that runs it."""

from brainevent_core.testing.conformance.case import ConformanceCase, Outcome
from brainevent_core.testing.conformance.check import check_conformance
from brainevent_core.testing.conformance.command import main
from brainevent_core.testing.conformance.run import run_cases
from brainevent_core.testing.conformance.suite import ConformanceSuite
from brainevent_core.testing.conformance.tables import conformance_cases

__all__ = [
    "ConformanceCase",
    "ConformanceSuite",
    "Outcome",
    "check_conformance",
    "conformance_cases",
    "main",
    "run_cases",
]
