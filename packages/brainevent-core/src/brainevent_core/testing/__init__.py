"""Cases and dense models with which every backend is tested: the beginning of the conformance kit.

Needs the extra ``brainevent-core[testing]``. Nothing here is imported with ``brainevent``.
"""

from brainevent_core.testing.products import ProductCase, check_product, product_cases

__all__ = ["ProductCase", "check_product", "product_cases"]
