"""Products, from ones that just justify a second thread to ones that justify 64 threads."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "POOLS", "Case"]

POOLS = (1, 2, 4, 16, 64)
"""How many threads a pool claims to have."""


@dataclass(frozen=True)
class Case:
    """One product with an ``n × n`` matrix that has ``width`` entries per row.

    Attributes:
        product: a name in ``contenders.PRODUCTS``.
        n: number of neurons.
        width: entries per row.
        active: the fraction of neurons that spike.
        batch: number of vectors, or of weight arrays under vmap; 0 for a single one without a batch axis.
    """

    product: str
    n: int
    width: int
    active: float = 1.0
    batch: int = 0

    @property
    def name(self) -> str:
        batch = f"/batch={self.batch}" if self.batch else ""
        return f"{self.product}/n={self.n}/width={self.width}/active={100 * self.active:g}%{batch}"

    @property
    def is_quick(self) -> bool:
        return self.n * self.width <= 300_000 and not self.batch


CASES = [
    Case("spikes@fan-out", 1000, 100),
    Case("spikes@fan-out", 3000, 100),
    Case("spikes@fan-out", 10_000, 400),
    Case("fan-out@spikes", 10_000, 400, 0.1),
    Case("spikes@fan-out", 100_000, 3),
    Case("spikes@fan-out", 3000, 1000, batch=4),
    Case("spikes@fan-out", 4000, 80, 0.1, batch=32),
    Case("v@fan-out", 3000, 100),
    Case("fan-out@spikes", 1000, 100, 0.1),
    Case("fan-out@v", 3000, 100),
    Case("fan-out@v", 3000, 30, batch=32),
    Case("fan-out@spikes/column-index", 10_000, 100, 0.1),
    Case("spikes@coo", 3000, 100, 0.1),
    Case("spikes@dense", 3000, 3000, 0.1),
    Case("dense@spikes", 1000, 1000, 0.1),
    Case("spikes@R", 4000, 80, 0.5),
    Case("R@v", 4000, 80),
    Case("on_pre", 4000, 80, 0.5),
    Case("on_post", 4000, 80, 0.05),
    Case("gradient", 3000, 100),
    Case("vmap: spikes@fan-out", 4000, 80, 0.1, batch=8),
    Case("vmap: fan-out@v", 1000, 50, batch=64),
]
