"""Searches in programs that XLA has compiled."""

import re

import numpy as np


def weight_sized_copies(program: str, size: int) -> list[str]:
    """Instructions in loop bodies of a compiled program that copy or recompute at least ``size`` numbers."""
    found = []
    for name in set(re.findall(r"body=%?([\w.\-]+)", program)):
        body = re.search(rf"^%?{re.escape(name)} .*?^\}}", program, re.DOTALL | re.MULTILINE)
        assert body
        for line in body.group().splitlines():
            made = re.search(r"= \(?f32\[([\d,]*)\]\S* (copy|copy-start|fusion|pad|concatenate|dynamic)\b", line)
            if made and np.prod([int(n) for n in made[1].split(",") if n]) >= size:
                found.append(line.strip())
    return found
