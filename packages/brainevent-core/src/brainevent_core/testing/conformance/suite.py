"""The conformance kit as a test class, for the test suites of backends."""

from __future__ import annotations

import re
from typing import Any

from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.check import check_conformance, device_of, primitives_of, stand_in
from brainevent_core.testing.conformance.tables import TABLES, conformance_cases

__all__ = ["ConformanceSuite"]


class ConformanceSuite:
    """Tests of a backend for pytest, one per case: subclass it under a name that begins with ``Test``.

    Declared declines are skipped with their reason; others fail. A case that crashes ends the test run; the command
    line of the kit survives crashes.

    Attributes:
        backend: name of the backend.
        platform: the platform that replaces those of its devices, if any.
        select: regular expression that must match a part of the name of a case.
        whole: all combinations of the most important columns, instead of a pairwise cover.
    """

    backend: str
    platform: str | None = None
    select: str = ""
    whole: bool = False

    @classmethod
    def cases(cls) -> list[ConformanceCase]:
        """The selected cases, of the primitives for which the backend has kernels; none if it can't be used."""
        try:
            with stand_in(cls.backend, cls.platform):
                primitives = primitives_of(cls.backend, device_of(cls.backend))
        except Exception:  # test_runs_a_kernel_of_its_own reports it
            return []
        return [case for case in conformance_cases(primitives, whole=cls.whole) if re.search(cls.select, str(case))]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Called by pytest."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases(), ids=str)

    def test_runs_a_kernel_of_its_own(self) -> None:
        """The backend can be used here, and its kernel is selected in some case."""
        with stand_in(self.backend, self.platform):
            primitives = primitives_of(self.backend, device_of(self.backend))
            assert set(primitives) & set(TABLES), (
                f"The backend {self.backend!r} registers no kernel for {', '.join(TABLES)} on this machine, only for "
                f"{', '.join(primitives) or 'nothing'}."
            )
            cases = self.cases()
            assert cases, f"select={self.select!r} leaves no case."
            assert any(check_conformance(case, self.backend).verdict != "declined" for case in cases), (
                f"The backend {self.backend!r} declines all {len(cases)} cases."
            )

    def test_conforms(self, case: ConformanceCase) -> None:
        """One case."""
        import pytest

        with stand_in(self.backend, self.platform):
            outcome = check_conformance(case, self.backend)
        if outcome.verdict == "declined" and outcome.named:
            pytest.skip(outcome.message)
        assert outcome.conforms, f"{outcome.verdict}: {outcome.message}"
