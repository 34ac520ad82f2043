"""Rules that fix the number of synapses, per neuron or in total."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainevent_core._typing import ArrayLike
from brainevent_core.connect.arguments import Rows, as_count, as_rows, require_one_population
from brainevent_core.connect.blocks import drawn_in_blocks
from brainevent_core.connect.synapses import FormatName, Synapses, builder
from brainevent_core.connect.weights import Delay, Weight, facts
from brainevent_core.errors import MathError
from brainevent_core.formats import Split
from brainevent_core.matrices import StoredMatrix
from brainevent_core.sampling import draw_pairs, draw_partners, host_seed

__all__ = ["fixed_indegree", "fixed_outdegree", "fixed_total_number"]


def fixed_outdegree(
    n_pre: int,
    n_post: int,
    degree: int,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    allow_multapses: bool = False,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Every presynaptic neuron has ``degree`` random postsynaptic targets.

    Args:
        n_pre, n_post: numbers of neurons.
        degree: synapses of each presynaptic neuron.
        weight: a number, an array, a distribution or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        allow_autapses: whether a neuron may connect to itself. False is only for a population that connects to itself,
            so that neuron i is the same on both sides.
        allow_multapses: whether a neuron may have several synapses with the same target. If so, targets are
            independent; otherwise each set of ``degree`` targets has the same probability.
        rows: (start, stop) or a slice: draw only these presynaptic neurons. The matrix has the shape (stop - start,
            n_post).
        format: "csr", "csc", "coo", "fixed_post_num", "fixed_pre_num" (if all in-degrees happen to be equal) or
            "dense".
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by presynaptic neuron: ``Split(..., by="pre")``.

    Returns:
        A matrix of shape (n_pre, n_post).

    Raises:
        MathError: if there are fewer targets than ``degree``, or an argument is out of range.

    Example:
        >>> from brainevent import connect
        >>> W = connect.fixed_outdegree(1000, 500, 20, weight=0.5, seed=0)
        >>> W
        CSR(shape=(1000, 500), nse=20000, dtype=float32)
        >>> bool((W.out_degrees() == 20).all())
        True
    """
    arguments = dict(locals())
    make = builder(format)
    n_pre, n_post = as_count("n_pre", n_pre), as_count("n_post", n_post)
    if split is not None:
        return drawn_in_blocks(fixed_outdegree, arguments, (n_pre, n_post), "rows")
    taken = as_rows("rows", rows, n_pre)
    synapses, words = _fixed_degree(n_pre, n_post, degree, seed, allow_autapses, allow_multapses, taken, by_post=False)
    return make(synapses, facts(weight, delay, synapses, words))


def fixed_indegree(
    n_pre: int,
    n_post: int,
    degree: int,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    allow_multapses: bool = False,
    columns: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Every postsynaptic neuron has ``degree`` random presynaptic sources.

    The rule is the transpose of ``fixed_outdegree(n_post, n_pre, degree, ...)``, and has the same arguments, except:

    Args:
        columns: (start, stop) or a slice: draw only these postsynaptic neurons. The matrix has the shape (n_pre, stop -
            start). The rule draws by column.
        format: "csc" and "fixed_pre_num" are the formats in which the rule draws; others require a sort of all
            synapses.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by postsynaptic neuron.

    Example:
        >>> from brainevent import connect
        >>> W = connect.fixed_indegree(1000, 500, 20, weight=0.5, seed=0, format="fixed_pre_num")
        >>> W
        FixedPreNumConn(shape=(1000, 500), nse=10000, dtype=float32)
        >>> part = connect.fixed_indegree(1000, 500, 20, weight=0.5, seed=0, columns=(100, 200))
        >>> bool((part.todense() == W.todense()[:, 100:200]).all())
        True
    """
    arguments = dict(locals())
    make = builder(format)
    n_pre, n_post = as_count("n_pre", n_pre), as_count("n_post", n_post)
    if split is not None:
        return drawn_in_blocks(fixed_indegree, arguments, (n_pre, n_post), "columns")
    taken = as_rows("columns", columns, n_post)
    synapses, words = _fixed_degree(n_post, n_pre, degree, seed, allow_autapses, allow_multapses, taken, by_post=True)
    return make(synapses, facts(weight, delay, synapses, words))


def _fixed_degree(
    neurons: int,
    partners: int,
    degree: int,
    seed: Any,
    allow_autapses: bool,
    allow_multapses: bool,
    rows: tuple[int, int],
    *,
    by_post: bool,
) -> tuple[Synapses, np.ndarray]:
    """``degree`` partners for each neuron of a range, and the seed as words."""
    degree = as_count("degree", degree)
    if not allow_autapses:
        n_pre, n_post = (partners, neurons) if by_post else (neurons, partners)
        require_one_population("allow_autapses=False", n_pre, n_post)
    available = partners - (not allow_autapses) if partners else 0
    if rows[0] < rows[1] and degree > (available if not allow_multapses else degree * (available > 0)):
        side = "presynaptic" if by_post else "postsynaptic"
        raise MathError(
            f"degree={degree} is more than the {available} {side} neurons that each neuron can connect to: take a "
            "smaller degree, or allow_multapses=True."
        )
    words = host_seed(seed)
    options = {"repeats": bool(allow_multapses), "omit_own": not allow_autapses}
    if rows[0] == rows[1]:
        degree = 0
    partner = draw_partners(words, rows, partners, degree, **options)
    counts = np.full(len(partner), degree, np.int64)
    return Synapses(counts, partner.reshape(-1), rows[0], partners, by_post), words


def fixed_total_number(
    n_pre: int,
    n_post: int,
    number: int,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    allow_multapses: bool = False,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """``number`` synapses between random pairs of neurons.

    Args:
        n_pre, n_post: numbers of neurons.
        number: total number of synapses.
        weight: a number, an array, a distribution or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        allow_autapses: whether a neuron may connect to itself; False is only for a population that connects to itself.
        allow_multapses: whether a pair may have several synapses. If so, each synapse is drawn independently (degrees
            are binomial); otherwise each set of ``number`` pairs has the same probability.
        rows: (start, stop) or a slice: only these presynaptic neurons. All synapses are drawn, and those of other rows
            are dropped.
        format: "csr", "csc", "coo" or "dense"; "fixed_post_num" and "fixed_pre_num" if degrees happen to be equal.
        split: not supported by this rule, which can't draw single blocks; raises an error.

    Returns:
        A matrix of shape (n_pre, n_post).

    Raises:
        MathError: if there are fewer pairs than ``number``, or an argument is out of range.

    Example:
        >>> from brainevent import connect
        >>> connect.fixed_total_number(1000, 500, 20_000, weight=0.5, seed=0)
        CSR(shape=(1000, 500), nse=20000, dtype=float32)
    """
    arguments = dict(locals())
    make = builder(format)
    n_pre, n_post = as_count("n_pre", n_pre), as_count("n_post", n_post)
    if split is not None:
        return drawn_in_blocks(fixed_total_number, arguments, (n_pre, n_post), None)
    number = as_count("number", number)
    start, stop = as_rows("rows", rows, n_pre)
    if not allow_autapses:
        require_one_population("allow_autapses=False", n_pre, n_post)
    pairs = n_pre * max(n_post - (not allow_autapses), 0)
    if number > (pairs if not allow_multapses else number * (pairs > 0)):
        raise MathError(
            f"number={number} is more than the {pairs} pairs of {n_pre} presynaptic and {n_post} postsynaptic neurons "
            "that can be connected: take a smaller number, or allow_multapses=True."
        )
    words = host_seed(seed)
    options = {"repeats": bool(allow_multapses), "omit_own": not allow_autapses}
    pre, post = draw_pairs(words, n_pre, n_post, number, **options)
    begins = np.searchsorted(pre, np.arange(start, stop + 1, dtype=np.int32))
    synapses = Synapses(np.diff(begins), post[begins[0] : begins[-1]], start, n_post)
    return make(synapses, facts(weight, delay, synapses, words))
