"""The random stream of just-in-time connectivity: the implementation of ``docs/jitc-stream.md``.

Everything that defines a connection (keys, draws, gaps, weights) is implemented here once, for all backends whose
kernels JAX can trace; a backend adds its walk. Except for the last step to a weight, all of it is 32-bit integer
arithmetic.
"""

from brainevent_core.jitc.alias_tables import LONGEST, VERSION, as_probability, block_size, cells, gap_tables
from brainevent_core.jitc.draws import MULTIPLIERS, WEIGHT_COUNTER, block_keys, draw, outcome, own_cell
from brainevent_core.jitc.laws import LAWS, NORMAL, POLYNOMIALS, SCALAR, UNIFORM, ConnectionRule, Law
from brainevent_core.jitc.seeds import as_seed

__all__ = [
    "LAWS",
    "LONGEST",
    "MULTIPLIERS",
    "NORMAL",
    "POLYNOMIALS",
    "SCALAR",
    "UNIFORM",
    "VERSION",
    "WEIGHT_COUNTER",
    "ConnectionRule",
    "Law",
    "as_probability",
    "as_seed",
    "block_keys",
    "block_size",
    "cells",
    "draw",
    "gap_tables",
    "outcome",
    "own_cell",
]
