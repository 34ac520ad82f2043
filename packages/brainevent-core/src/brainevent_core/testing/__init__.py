"""The conformance kit: cases, models and a command line with which every backend is tested.

Needs the extra ``brainevent-core[testing]``. Nothing here is imported with ``brainevent``.
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
from brainevent_core.testing.operations import OperationCase, check_operation, coverage, operation_cases
from brainevent_core.testing.plasticity import PlasticityCase, check_plasticity, plasticity_cases
from brainevent_core.testing.products import ProductCase, check_product, product_cases

__all__ = [
    "ConformanceCase",
    "ConformanceSuite",
    "OperationCase",
    "Outcome",
    "PlasticityCase",
    "ProductCase",
    "check_conformance",
    "check_operation",
    "check_plasticity",
    "check_product",
    "conformance_cases",
    "coverage",
    "main",
    "operation_cases",
    "plasticity_cases",
    "product_cases",
    "run_cases",
]
