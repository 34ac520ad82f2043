"""Rules that connect each pair of neurons independently of other pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brainevent_core._typing import ArrayLike, Number
from brainevent_core.connect.arguments import Rows, as_count, as_rows, require_one_population
from brainevent_core.connect.blocks import drawn_in_blocks
from brainevent_core.connect.distributions import Distribution
from brainevent_core.connect.synapses import Facts, FormatName, Synapses, builder, is_homogeneous, mirrored
from brainevent_core.connect.weights import Delay, Weight, facts
from brainevent_core.errors import MathError
from brainevent_core.formats import Split
from brainevent_core.jitc import as_probability
from brainevent_core.matrices import StoredMatrix
from brainevent_core.sampling import draw_bernoulli, host_seed

__all__ = ["all_to_all", "one_to_one", "pairwise_bernoulli", "with_facts"]


def one_to_one(
    n: int,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Presynaptic neuron i connects to postsynaptic neuron i.

    Args:
        n: number of neurons of each population.
        weight: a number, an array, a distribution or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: of random weights: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        rows: (start, stop) or a slice: only these presynaptic neurons.
        format: "csr", "csc", "coo", "fixed_post_num", "fixed_pre_num" or "dense".
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by presynaptic neuron: ``Split(..., by="pre")``.

    Returns:
        A matrix of shape (n, n).

    Example:
        >>> from brainevent import connect
        >>> connect.one_to_one(2, weight=0.5).todense()
        Array([[0.5, 0. ],
               [0. , 0.5]], dtype=float32)
    """
    arguments = dict(locals())
    make = builder(format)
    n = as_count("n", n)
    if split is not None:
        return drawn_in_blocks(one_to_one, arguments, (n, n), "rows")
    start, stop = as_rows("rows", rows, n)
    synapses = Synapses(np.ones(stop - start, np.int64), np.arange(start, stop, dtype=np.int32), start, n)
    return make(synapses, facts(weight, delay, synapses, host_seed(seed)))


def all_to_all(
    n_pre: int,
    n_post: int,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    symmetric: bool = False,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Every presynaptic neuron connects to every postsynaptic neuron.

    Args:
        n_pre, n_post: numbers of neurons.
        weight: a number, an array, a distribution or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: of random weights: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        allow_autapses: whether neurons connect to themselves; False is only for a population that connects to itself.
        symmetric: see :func:`pairwise_bernoulli`.
        rows: (start, stop) or a slice: only these presynaptic neurons.
        format: "csr", "csc", "coo", "fixed_post_num", "fixed_pre_num" or "dense".
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by presynaptic neuron: ``Split(..., by="pre")``.

    Returns:
        A matrix of shape (n_pre, n_post).

    Example:
        >>> from brainevent import connect
        >>> connect.all_to_all(2, 2, weight=0.5, allow_autapses=False).todense()
        Array([[0. , 0.5],
               [0.5, 0. ]], dtype=float32)
    """
    arguments = dict(locals())
    make = builder(format)
    n_pre, n_post = as_count("n_pre", n_pre), as_count("n_post", n_post)
    if split is not None:
        return drawn_in_blocks(all_to_all, arguments, (n_pre, n_post), "rows")
    taken = as_rows("rows", rows, n_pre)

    def whole(start: int, stop: int) -> Synapses:
        counts = np.full(stop - start, n_post, np.int64)
        synapses = Synapses(counts, np.tile(np.arange(n_post, dtype=np.int32), stop - start), start, n_post)
        return synapses if allow_autapses else _kept(synapses, synapses.partner != synapses.ids[0])

    if not allow_autapses:
        require_one_population("allow_autapses=False", n_pre, n_post)
    return make(*with_facts(whole, weight, delay, host_seed(seed), n_pre, n_post, taken, symmetric))


def pairwise_bernoulli(
    n_pre: int,
    n_post: int,
    prob: Number,
    *,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    symmetric: bool = False,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Every pair of neurons is connected independently with probability ``prob``.

    With the same probability and seed, the connections are those of ``JITCScalarR(weight, prob, seed)``, but stored.

    Args:
        n_pre, n_post: numbers of neurons.
        prob: probability of a connection, a concrete number between 0 and 1.
        weight: a number, an array, a distribution or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        allow_autapses: whether a neuron may connect to itself; False is only for a population that connects to itself,
            and excludes the diagonal.
        symmetric: whether every synapse has a reverse synapse, with the same weight and delay (``make_symmetric`` and
            ``symmetric_pairwise_bernoulli`` of NEST); only for a population that connects to itself. The connections
            from a neuron to itself and to neurons with higher numbers are those of the network without ``symmetric``,
            and the others are their reverse. A weight function is called only for the former. Arrays of weights are not
            supported. For a block of rows, all rows before it are drawn as well.
        rows: (start, stop) or a slice: only these presynaptic neurons.
        format: "csr", "csc", "coo" or "dense"; "fixed_post_num" and "fixed_pre_num" if degrees happen to be equal.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by presynaptic neuron: ``Split(..., by="pre")``.

    Returns:
        A matrix of shape (n_pre, n_post).

    Raises:
        MathError: if an argument is out of range.
        DTypeError: if ``prob`` is traced or not a number.

    Example:
        >>> import brainevent
        >>> from brainevent import connect
        >>> W = connect.pairwise_bernoulli(300, 200, 0.1, weight=0.5, seed=1)
        >>> bool((W.todense() == brainevent.JITCScalarR(0.5, 0.1, 1, shape=(300, 200)).todense()).all())
        True
    """
    arguments = dict(locals())
    make = builder(format)
    n_pre, n_post, prob = as_count("n_pre", n_pre), as_count("n_post", n_post), as_probability(prob)
    if split is not None:
        return drawn_in_blocks(pairwise_bernoulli, arguments, (n_pre, n_post), "rows")
    taken = as_rows("rows", rows, n_pre)
    if not allow_autapses:
        require_one_population("allow_autapses=False", n_pre, n_post)
    words = host_seed(seed)

    def drawn(start: int, stop: int) -> Synapses:
        counts, partner = draw_bernoulli(words, (start, stop), n_post, prob, omit_own=not allow_autapses)
        return Synapses(counts, partner, start, n_post)

    return make(*with_facts(drawn, weight, delay, words, n_pre, n_post, taken, symmetric))


def with_facts(
    draw: Callable[[int, int], Synapses],
    weight: Weight,
    delay: Delay | None,
    words: np.ndarray,
    n_pre: int,
    n_post: int,
    rows: tuple[int, int],
    symmetric: bool,
    distances: Callable[[Synapses], Any] | None = None,
) -> tuple[Synapses, Facts]:
    """The synapses of a range of rows, with their weights and delays.

    Args:
        draw: ``(start, stop) → synapses`` of these rows.
        weight, delay: in the form that users give.
        words: the seed.
        n_pre, n_post: numbers of neurons of the whole network.
        rows: the first row, and the end of the range.
        symmetric: whether the synapses (i, j) with i ≤ j determine their reverse.
        distances: returns the distances of synapses, for rules that have them.
    """
    if symmetric:
        require_one_population("symmetric=True", n_pre, n_post)
        rows, block = (0, rows[1]), rows
    synapses = draw(*rows)
    if symmetric:
        synapses = _kept(synapses, synapses.partner >= synapses.row)
    found = facts(weight, delay, synapses, words, None if distances is None else lambda: distances(synapses))
    if not symmetric:
        return synapses, found
    for what, given, values in (("weight", weight, found.weight), ("delay", delay, found.delay)):
        if values is None or is_homogeneous(values) or callable(given) or isinstance(given, Distribution):
            continue
        raise MathError(
            f"symmetric=True gives both synapses of two neurons one {what}, and an array has one for each: give a "
            "number, a distribution or a function."
        )
    return mirrored(synapses, found, block)


def _kept(synapses: Synapses, which: np.ndarray) -> Synapses:
    """The synapses selected by a mask."""
    counts = np.bincount(synapses.row[which], minlength=len(synapses.counts))
    return Synapses(counts, synapses.partner[which], synapses.first, synapses.partners, synapses.by_post)
