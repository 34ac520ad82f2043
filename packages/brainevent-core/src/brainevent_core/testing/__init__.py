"""Cases and dense models with which every backend is tested: the beginning of the conformance kit.

Needs the extra ``brainevent-core[testing]``. Nothing here is imported with ``brainevent``.
"""

from brainevent_core.testing.plasticity import PlasticityCase, check_plasticity, plasticity_cases
from brainevent_core.testing.products import ProductCase, check_product, product_cases

__all__ = [
    "PlasticityCase",
    "ProductCase",
    "check_plasticity",
    "check_product",
    "plasticity_cases",
    "product_cases",
]
