"""Connection rules for a matrix in blocks over devices: each process draws only the blocks of its own devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from brainevent_core import units
from brainevent_core.connect.distributions import Distribution
from brainevent_core.connect.synapses import class_of
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import Split
from brainevent_core.matrices import StoredMatrix
from brainevent_core.matrices.blocks import assembled
from brainevent_core.sampling import host_seed

__all__ = ["drawn_in_blocks"]


def drawn_in_blocks(
    rule: Callable[..., StoredMatrix],
    arguments: dict[str, Any],
    shape: tuple[int, int],
    window: Literal["rows", "columns"] | None,
) -> StoredMatrix:
    """The matrix of a rule, drawn in the blocks of its argument ``split``.

    Args:
        rule: the rule.
        arguments: all of its arguments, by name.
        shape: shape of the matrix.
        window: the argument that selects a range of neurons; None for a rule that draws all synapses at once.

    Raises:
        MathError: if a range of neurons is selected as well, if weights or delays are an array, or if there is no seed
            and several processes draw.
        UnsupportedOperationError: if the rule draws by the neurons of the other side, or all synapses at once.
    """
    options = dict(arguments)
    split, name = options.pop("split"), rule.__name__
    if not isinstance(split, Split):
        raise MathError(f"split takes a brainevent.sharding.Split, got {type(split).__name__}.")
    whole = f"`brainevent.sharding.shard(connect.{name}(...), split)` splits it where one host can hold the whole"
    if window is None:
        raise UnsupportedOperationError(f"connect.{name} draws all synapses at once, and can't draw a block: {whole}.")
    if (window == "columns") != (split.by == "post"):
        drawn, asked = ("postsynaptic", "presynaptic") if window == "columns" else ("presynaptic", "postsynaptic")
        other = "post" if window == "columns" else "pre"
        raise UnsupportedOperationError(
            f"connect.{name} draws by {drawn} neuron, and can't draw a block of {asked} ones alone: take "
            f"Split(..., by={other!r}); or the transpose of the rule from the postsynaptic to the presynaptic neurons "
            f"that is split so, whose blocks are of {asked} ones. Or {whole}."
        )
    if options.pop(window) is not None:
        raise MathError(f"{window}= asks for a part of the matrix, and split= for all of it in blocks: leave one out.")
    for fact in ("weight", "delay"):
        given = options.get(fact)
        if not (callable(given) or isinstance(given, Distribution)) and np.size(units.detach(given)[0]) != 1:
            raise MathError(
                f"With split=, a rule draws each block alone, and an array has a {fact} for each synapse of all: give "
                "a number, a distribution or a function."
            )
    if options["seed"] is None and split.mesh.is_multi_process:
        raise MathError("Give seed=: each process would draw another one, and blocks of another network.")
    options["seed"] = host_seed(options["seed"])

    def block(start: int, stop: int) -> StoredMatrix:
        return rule(**options, **{window: (start, stop)})

    return assembled(class_of(options["format"]), block, shape, split)
