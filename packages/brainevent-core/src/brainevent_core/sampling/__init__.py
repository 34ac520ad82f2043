"""The random draws of stored connectivity, on the host in NumPy, as defined in ``docs/connection-rules.md``.

Connection rules and the classes with a fixed number of synapses use these functions. All arithmetic that determines
connections is on integers.
"""

from brainevent_core.sampling.bernoulli import draw_bernoulli
from brainevent_core.sampling.pairs import draw_pairs
from brainevent_core.sampling.partners import draw_partners
from brainevent_core.sampling.words import (
    DELAY_FUNCTIONS,
    DELAYS,
    DISTANCE,
    FUNCTIONS,
    PAIRS,
    PARTNERS,
    VERSION,
    WEIGHTS,
    below,
    chunks,
    function_key,
    host_seed,
    row_keys,
)

__all__ = [
    "DELAYS",
    "DELAY_FUNCTIONS",
    "DISTANCE",
    "FUNCTIONS",
    "PAIRS",
    "PARTNERS",
    "VERSION",
    "WEIGHTS",
    "below",
    "chunks",
    "draw_bernoulli",
    "draw_pairs",
    "draw_partners",
    "function_key",
    "host_seed",
    "row_keys",
]
