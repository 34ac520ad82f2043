"""Connections whose probability depends on the distance between two neurons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import Array, ArrayLike, Number, QuantityLike
from brainevent_core.connect.arguments import Rows, as_rows, require_one_population
from brainevent_core.connect.blocks import drawn_in_blocks
from brainevent_core.connect.pairwise import with_facts
from brainevent_core.connect.synapses import FormatName, Synapses, builder
from brainevent_core.connect.weights import Delay, Weight
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import Split
from brainevent_core.jitc import draw
from brainevent_core.matrices import StoredMatrix
from brainevent_core.sampling import DISTANCE, chunks, host_seed, row_keys

__all__ = ["by_distance", "distance"]

#: Probability by distance.
Kernel: TypeAlias = Callable[[Any], Any] | Number


def distance(
    positions_pre: QuantityLike,
    positions_post: QuantityLike,
    kernel: Kernel,
    *,
    radius: QuantityLike | None = None,
    periodic: QuantityLike | None = None,
    weight: Weight = 1.0,
    delay: Delay | None = None,
    seed: ArrayLike | None = None,
    allow_autapses: bool = True,
    symmetric: bool = False,
    rows: Rows = None,
    format: FormatName = "csr",
    split: Split | None = None,
) -> StoredMatrix:
    """Every pair of neurons is connected independently with a probability that depends on their distance.

    Args:
        positions_pre: (n_pre, d), or (n_pre,) on a line; numbers, or a quantity.
        positions_post: (n_post, d), in a compatible unit.
        kernel: the probability: a :class:`~brainevent.connect.GaussianProfile`, another profile, a number (with
            ``radius``), or a function of a vector of distances (float64, or a quantity in the unit of
            ``positions_pre``), which returns a probability for each. It is called for a few rows at a time.
        radius: neurons farther apart than this aren't connected. With a radius, the cost scales with the number of
            pairs within it, otherwise with the number of all pairs.
        periodic: lengths of a box with periodic boundaries, one for all dimensions or (d,); 0 for a dimension without
            periodic boundaries. Distances are those of the nearest images.
        weight: a number, an array, a distribution, a profile or a function, see :mod:`brainevent.connect`.
        delay: steps until an event arrives: a number, an array, a distribution or a function, see
            :mod:`brainevent.connect`. None: a matrix without delays.
        seed: an integer, two 32-bit words or a ``jax.random`` key; with None, a random seed is used.
        allow_autapses: whether a neuron may connect to itself; False is only for a population that connects to itself.
        symmetric: whether every synapse has a reverse synapse with the same weight, see
            :func:`~brainevent.connect.pairwise_bernoulli`.
        rows: (start, stop) or a slice: only these presynaptic neurons. The positions are those of all neurons.
        format: "csr", "csc", "coo" or "dense"; "fixed_post_num" and "fixed_pre_num" if degrees happen to be equal.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`; each process draws
            only the blocks of its own devices. The rule draws by presynaptic neuron: ``Split(..., by="pre")``.

    Returns:
        A matrix of shape (n_pre, n_post).

    Raises:
        MathError: if shapes don't fit, or the kernel returns a value that is not a probability.
        UnitMismatchError: if lengths have incompatible units.

    Example:
        >>> import brainunit as u
        >>> import numpy as np
        >>> from brainevent import connect
        >>> grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2) * 50 * u.um
        >>> profile = connect.GaussianProfile(sigma=150 * u.um, peak=0.4)
        >>> W = connect.distance(grid, grid, profile, radius=500 * u.um, periodic=1000 * u.um, seed=0)
        >>> W.shape, 20 < W.nse / 400 < 30
        ((400, 400), True)
    """
    arguments = dict(locals())
    make = builder(format)
    space = _space(positions_pre, positions_post, radius, periodic)
    n_pre, n_post = len(space.pre), len(space.post)
    if split is not None:
        return drawn_in_blocks(distance, arguments, (n_pre, n_post), "rows")
    taken = as_rows("rows", rows, n_pre)
    if not allow_autapses:
        require_one_population("allow_autapses=False", n_pre, n_post)
    words = host_seed(seed)

    def drawn(start: int, stop: int) -> Synapses:
        counts, found = np.zeros(stop - start, np.int64), [np.empty(0, np.int32)]
        for row, column in space.candidates(start, stop, upper=symmetric):
            if not allow_autapses:
                other = row != column
                row, column = row[other], column[other]
            connected = _connected(words, row, column, _probability(kernel, space.distance(row, column)))
            counts += np.bincount(row[connected] - start, minlength=len(counts))
            found.append(column[connected].astype(np.int32))
        return Synapses(counts, np.concatenate(found), start, n_post)

    def distances(synapses: Synapses) -> Any:
        return space.distance(*synapses.ids)

    return make(*with_facts(drawn, weight, delay, words, n_pre, n_post, taken, symmetric, distances))


def by_distance(
    positions_pre: QuantityLike,
    positions_post: QuantityLike,
    kernel: Kernel,
    *,
    radius: QuantityLike | None = None,
    periodic: QuantityLike | None = None,
) -> Callable[[ArrayLike, ArrayLike], Array]:
    """The connection probability by distance, as a function of neurons that works under ``jit``.

    Use it as ``probability`` of :meth:`brainevent.CSR.rewire`. The probabilities are those of :func:`distance`.

    Args:
        positions_pre: (n_pre, d), or (n_pre,) on a line; numbers, or a quantity.
        positions_post: (n_post, d), in a compatible unit.
        kernel: the probability: a profile, a number (with ``radius``), or a function of a vector of distances (a JAX
            array, or a quantity in the unit of ``positions_pre``), which returns a probability for each.
        radius: beyond it, the probability is 0.
        periodic: lengths of a box with periodic boundaries, see :func:`distance`.

    Returns:
        ``(pre, post) → probability``, for arrays of neurons of the same shape. Distances are float32, or float64 in
        JAX's 64-bit mode.

    Raises:
        MathError: if shapes don't fit.
        UnitMismatchError: if lengths have incompatible units.

    Example:
        >>> import brainevent, jax
        >>> import numpy as np
        >>> from brainevent import connect
        >>> x = np.linspace(0.0, 1.0, 50)
        >>> near = connect.by_distance(x, x, connect.GaussianProfile(sigma=0.1), periodic=1.0)
        >>> near(np.array([0, 0]), np.array([49, 25])).round(2).tolist()
        [1.0, 0.0]
        >>> conn = connect.fixed_outdegree(50, 50, 5, weight=np.ones(250, np.float32), seed=0)
        >>> local, _ = conn.rewire(conn.occupied, jax.random.key(0), keep="pre", probability=near)
        >>> local.out_degrees()[:3].tolist()
        [5, 5, 5]
    """
    space = _space(positions_pre, positions_post, radius, periodic)
    first, second, box = jnp.asarray(space.pre), jnp.asarray(space.post), jnp.asarray(space.box)

    def probability(pre: ArrayLike, post: ArrayLike) -> Array:
        apart = second[jnp.asarray(post)] - first[jnp.asarray(pre)]
        length = jnp.where(box > 0, box, 1)
        apart -= jnp.where(box > 0, length * jnp.rint(apart / length), 0)
        far = jnp.sqrt(jnp.square(apart).sum(-1))
        given = kernel(units.attach(far, space.unit)) if callable(kernel) else kernel
        chance = jnp.broadcast_to(jnp.asarray(units.mantissa_in(given, None, "kernel", "a probability")), far.shape)
        return chance if space.radius is None else jnp.where(far <= space.radius, chance, 0)

    return probability


def _connected(words: np.ndarray, row: np.ndarray, column: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Whether the random word of each pair is below its probability in units of 2⁻³²."""
    numbers, place = np.unique(row, return_inverse=True)
    keys = row_keys(words, numbers, DISTANCE)
    return draw(keys[0][place], keys[1][place], column.astype(np.uint32)) < probability * 2.0**32


def _probability(kernel: Kernel, distances: Any) -> np.ndarray:
    """The probabilities that the kernel returns.

    Raises:
        MathError: if it isn't one probability for each distance.
    """
    shape = units.detach(distances)[0].shape
    given = kernel(distances) if callable(kernel) else kernel
    values = np.asarray(units.mantissa_in(given, None, "kernel", "a probability"), np.float64)
    if values.shape not in ((), shape):
        raise MathError(
            f"kernel must give one probability for each of the {shape[0]} distances, got an array of shape "
            f"{values.shape}."
        )
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        raise MathError(f"kernel must give probabilities between 0 and 1, got {values[wrong].flat[0]}.")
    return values


# -- space -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Space:
    """The positions of neurons, float64 in one unit.

    Attributes:
        pre, post: positions, (neurons, dimensions).
        radius: the maximum distance, or None.
        box: the period of each dimension, 0 if it isn't periodic.
        unit: unit of lengths.
    """

    pre: np.ndarray
    post: np.ndarray
    radius: float | None
    box: np.ndarray
    unit: Any

    def distance(self, row: np.ndarray, column: np.ndarray) -> Any:
        """The distances of pairs of neurons."""
        return units.attach(self._distance(row, column), self.unit)

    def _distance(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        squares = np.zeros(len(row))
        for axis, length in enumerate(self.box):
            apart = self.post[column, axis] - self.pre[row, axis]
            if length:
                apart -= length * np.rint(apart / length)
            squares += apart * apart
        return np.sqrt(squares)

    def candidates(self, start: int, stop: int, *, upper: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(row, column) of the pairs within the radius, some rows at a time; if ``upper``, those with row <= column."""
        for row, column in self._near(start, stop):
            if upper:
                row, column = row[column >= row], column[column >= row]
            if self.radius is not None:
                near = self._distance(row, column) <= self.radius
                row, column = row[near], column[near]
            yield row, column

    def _near(self, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs that include all pairs within the radius."""
        n_post = len(self.post)
        if not n_post:
            return
        half = self.box[self.box > 0].min(initial=np.inf) / 2
        if self.radius is None or not self.radius < half:
            for first, last in chunks(np.full(stop - start, n_post)):
                row = np.repeat(np.arange(start + first, start + last), n_post)
                yield row, np.tile(np.arange(n_post), last - first)
            return
        from scipy.spatial import cKDTree  # JAX depends on SciPy, and imports it as late

        # Rounding may put a pair just outside the radius, so the tree uses a larger one, and candidates() decides.
        extent = max(np.abs(self.pre).max(initial=0), np.abs(self.post).max(initial=0), self.radius)
        radius = self.radius + 1e-9 * extent
        box = self.box if self.box.any() else None
        pre, post = self._wrapped(self.pre[start:stop]), self._wrapped(self.post)
        tree = cKDTree(post, boxsize=box)
        counts = tree.query_ball_point(pre, radius, return_length=True) if len(pre) else np.zeros(0, np.int64)
        for first, last in chunks(counts):
            pairs = cKDTree(pre[first:last], boxsize=box).sparse_distance_matrix(tree, radius, output_type="ndarray")
            code = np.sort(pairs["i"].astype(np.int64) * n_post + pairs["j"])
            row, column = np.divmod(code, n_post)
            yield row + (start + first), column

    def _wrapped(self, positions: np.ndarray) -> np.ndarray:
        """The positions, wrapped into the box."""
        inside = positions.copy()
        for axis in np.flatnonzero(self.box):
            inside[:, axis] %= self.box[axis]
            inside[inside[:, axis] >= self.box[axis], axis] = 0.0  # a remainder can be rounded up
        return inside


def _space(pre: Any, post: Any, radius: Any, periodic: Any) -> _Space:
    _, unit = units.detach(pre)

    def lengths(name: str, value: Any) -> np.ndarray:
        mantissa = units.mantissa_in(value, unit, name, "positions_pre")
        try:
            array = np.asarray(mantissa, np.float64)
        except (TypeError, ValueError):
            fault = f"{name} must hold numbers that are known when the network is made, got {value!r}."
            raise DTypeError(fault) from None
        if not np.isfinite(array).all():
            raise MathError(f"{name} must hold finite numbers.")
        return array

    def places(name: str, value: Any) -> np.ndarray:
        array = lengths(name, value)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or not array.shape[1]:
            raise MathError(f"{name} must have shape (neurons, dimensions), got {array.shape}.")
        return array

    first, second = places("positions_pre", pre), places("positions_post", post)
    dimensions = first.shape[1]
    if second.shape[1] != dimensions:
        raise MathError(
            "positions_pre and positions_post must have the same number of dimensions, got shapes "
            f"{first.shape} and {second.shape}."
        )
    box = np.zeros(dimensions) if periodic is None else lengths("periodic", periodic)
    if box.shape not in ((), (1,), (dimensions,)) or (box < 0).any():
        raise MathError(
            f"periodic must be one length of the box, or {dimensions} of them, and none negative; got {periodic!r}."
        )
    limit = None if radius is None else lengths("radius", radius)
    if limit is not None and (limit.size != 1 or limit.reshape(()) < 0):
        raise MathError(f"radius must be one length, not negative; got {radius!r}.")
    mask = None if limit is None else float(limit.reshape(()))
    return _Space(first, second, mask, np.broadcast_to(box, dimensions).copy(), unit)
