"""Connectivity with a fixed number of synapses per neuron: fixed fan-out and fixed fan-in."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import Array, ArrayLike, QuantityLike, Shape
from brainevent_core.errors import MathError
from brainevent_core.formats import FIXED_NUM_FORMAT, Split, index_dtype
from brainevent_core.matrices.arguments import as_shape, dense_parts
from brainevent_core.matrices.structural import Rewirable
from brainevent_core.sampling import draw_partners, function_key, host_seed

__all__ = ["FixedNumConn", "FixedNumPerPost", "FixedNumPerPre", "FixedPostNumConn", "FixedPreNumConn"]

#: Weights, or a function ``(key, shape)`` that draws them.
_Weight: TypeAlias = QuantityLike | Callable[[Any, tuple[int, ...]], Any]


class FixedNumConn(Rewirable):
    """Base class of :class:`FixedPostNumConn` and :class:`FixedPreNumConn`, where it is documented."""

    _format = FIXED_NUM_FORMAT

    def __init__(
        self,
        data: QuantityLike | None = None,
        indices: ArrayLike | None = None,
        *,
        shape: Sequence[int] | None = None,
        delay: ArrayLike | None = None,
        check: bool = True,
        num_pre: int | None = None,
        num_post: int | None = None,
        conn_num: int | None = None,
        weight: _Weight | None = None,
        seed: ArrayLike | None = None,
        split: Split | None = None,
    ) -> None:
        numbers = {"num_pre": num_pre, "num_post": num_post, "conn_num": conn_num}
        asked = [name for name, value in {**numbers, "weight": weight}.items() if value is not None]
        if data is None and indices is None:
            missing = [name for name in (*numbers, "weight") if name not in asked]
            if missing:
                raise MathError(
                    f"{type(self).__name__} takes ((data, indices), shape=), (data, indices, shape=), or num_pre=, "
                    f"num_post=, conn_num=, weight= (and seed=); missing: {', '.join(missing)}."
                )
            if shape is not None:
                raise MathError("Give either shape= with data and indices, or num_pre= and num_post=, not both.")
            data, indices, shape = self._drawn(numbers, weight, seed)
            check = False
        elif asked or seed is not None:
            raise MathError("Give either data and indices, or num_pre=, num_post=, conn_num= and weight=, not both.")
        if data is None:
            raise MathError(f"{type(self).__name__} needs weights, data=, one for all or one per entry of indices.")
        if shape is None:
            raise MathError(f"{type(self).__name__} needs shape=(num_pre, num_post).")
        super().__init__(data, indices, shape=shape, delay=delay, check=check, split=split)

    def _drawn(self, numbers: dict[str, int | None], weight: Any, seed: Any) -> tuple[Any, np.ndarray, Shape]:
        """``(data, indices, shape)`` of random connectivity."""
        try:
            num_pre, num_post, conn_num = map(operator.index, numbers.values())  # type: ignore[arg-type]
        except TypeError as error:
            given = ", ".join(f"{name}={value!r}" for name, value in numbers.items())
            raise MathError(f"Neurons and connections are counted in whole numbers, got {given}.") from error
        rows, partners = (num_post, num_pre) if self._transposed else (num_pre, num_post)
        as_shape((num_pre, num_post))
        if min(rows, partners, conn_num) < 0 or conn_num > partners:
            raise MathError(
                f"Cannot draw {conn_num} distinct partners out of {partners} for {rows} neurons; conn_num must be "
                f"between 0 and {max(partners, 0)}."
            )
        words = host_seed(seed)
        indices = draw_partners(words, (0, rows), partners, conn_num)
        return _draw_weight(weight, words, indices.shape), indices, (num_pre, num_post)

    @property
    def indices(self) -> Array:
        """The targets (with fixed fan-in, sources) of every neuron on the fixed side, ``(neurons, conn_num)``."""
        return self._structure[0]

    @property
    def conn_num(self) -> int:
        """Number of synapses per neuron on the fixed side; for a matrix in blocks, the maximal number in a block."""
        return int(self._structure[0].shape[-1])

    def _in_rows(self, data: Any, columns: np.ndarray, indptr: np.ndarray) -> Self:
        shape = self._structure[0].shape[0], int(np.diff(indptr).max(initial=0))
        weights = data.reshape(shape) if data.size == columns.size and data.ndim else data
        return type(self)(weights, columns.reshape(shape), shape=self.shape, check=False)


class FixedPostNumConn(FixedNumConn):
    """Every presynaptic neuron has the same number of postsynaptic targets (fixed fan-out).

    Use this format for ``spikes @ weights``: only the rows of neurons that spiked are touched, and no pointers are
    needed.

    Args:
        data: weights (n_pre, k), or one for all (a scalar or (1,)).
        indices: postsynaptic targets, (n_pre, k), any integer dtype.
        shape: (n_pre, n_post).
        delay: delays of events in whole steps: one for all, one per presynaptic neuron, (n_pre,), or one per entry,
            (n_pre, k); see :meth:`with_delay`.
        check: whether to check the values of ``indices``; see :class:`CSR`.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`.
        num_pre, num_post, conn_num: instead of arrays: draw ``conn_num`` distinct targets for each neuron.
        weight: together with these: a number, a quantity, an array (n_pre, conn_num), or ``weight(key, shape)``.
        seed: together with these: an int or a ``jax.random`` key. A seed gives the same targets on every machine, those
            of :func:`brainevent.connect.fixed_outdegree`. With None, a random seed is used.

    ``data`` and ``indices`` can also be given as one tuple. Also known as ``FixedNumPerPre``.

    Raises:
        StructureError: if an index is out of range.
        MathError: if lengths do not fit, or there are fewer than ``conn_num`` possible targets.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> conn = brainevent.FixedPostNumConn(num_pre=1000, num_post=1000, conn_num=100, weight=0.5, seed=0)
        >>> out = brainevent.BinaryArray(jnp.arange(1000) < 10) @ conn
        >>> float(out.sum())
        500.0
    """

    def _transpose(self) -> FixedPreNumConn:
        return self._view(FixedPreNumConn, self.shape[::-1])

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """Convert a dense array or quantity of shape (n_pre, n_post).

        Args:
            dense: the elements; zeros are not stored. Rows with fewer nonzeros than the fullest row are padded.
            nse: the capacity of all rows together, a multiple of their number. It is required inside ``jit``, where
                elements beyond the capacity of their row are dropped.
        """
        elements, unit = dense_parts(dense)
        values, indices = _rows_of_one_length(elements, nse)
        return cls(units.attach(values, unit), indices, shape=elements.shape, check=False)


class FixedPreNumConn(FixedNumConn):
    """Every postsynaptic neuron has the same number of presynaptic sources (fixed fan-in).

    The arguments are those of :class:`FixedPostNumConn`, with ``data`` and ``indices`` of shape (n_post, k), where
    ``indices`` holds the presynaptic sources. Also known as ``FixedNumPerPost``.
    """

    _transposed = True

    def _transpose(self) -> FixedPostNumConn:
        return self._view(FixedPostNumConn, self.shape[::-1])

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """Convert a dense array or quantity, see :meth:`FixedPostNumConn.fromdense`, with columns instead of rows."""
        elements, unit = dense_parts(dense)
        return FixedPostNumConn.fromdense(units.attach(elements.T, unit), nse=nse)._view(cls, elements.shape)


FixedNumPerPre = FixedPostNumConn
FixedNumPerPost = FixedPreNumConn


def _draw_weight(weight: Any, seed: np.ndarray, shape: tuple[int, ...]) -> Any:
    return weight(function_key(seed), shape) if callable(weight) else weight


def _rows_of_one_length(elements: Any, nse: int | None) -> tuple[Any, Any]:
    """``(values, columns)``, each (rows, capacity of a row), of the nonzero elements; surplus entries are outside."""
    rows, cols = elements.shape
    traced = isinstance(elements, jax.core.Tracer)
    fullest = None if traced else int((elements != 0).sum(axis=1).max(initial=0))
    if nse is None:
        width = fullest
    else:
        width = nse // rows if rows and nse % rows == 0 else None
    if width is None:
        raise MathError(
            f"A fixed number of synapses per neuron needs nse= inside jit, a multiple of the number of neurons "
            f"({rows}); got {nse}."
        )
    if fullest is not None and fullest > width:
        raise MathError(
            f"A neuron has {fullest} nonzero weights, more than nse={nse} leaves for each ({width}); entries would be "
            "lost."
        )
    # Nonzero columns first, in order; surplus entries point past the last column.
    order = jnp.argsort(elements == 0, axis=1, stable=True)[:, :width].astype(index_dtype(cols))
    values = jnp.take_along_axis(jnp.asarray(elements), order, axis=1)
    return values, jnp.where(values != 0, order, cols)
