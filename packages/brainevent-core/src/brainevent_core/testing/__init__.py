"""Cases and dense models with which every backend is tested: the beginning of the conformance kit.

Needs the extra ``brainevent-core[testing]``. Nothing here is imported with ``brainevent``.
"""

from brainevent_core.testing.operations import OperationCase, check_operation, coverage, operation_cases
from brainevent_core.testing.plasticity import PlasticityCase, check_plasticity, plasticity_cases
from brainevent_core.testing.products import ProductCase, check_product, product_cases

__all__ = [
    "OperationCase",
    "PlasticityCase",
    "ProductCase",
    "check_operation",
    "check_plasticity",
    "check_product",
    "coverage",
    "operation_cases",
    "plasticity_cases",
    "product_cases",
]
