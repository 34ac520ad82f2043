"""Delays: conversion of times to steps, and the ring buffer in which input waits until it arrives."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import manual_axes
from brainevent_core._typing import Array, DTypeLike, OperandLike, Quantity, QuantityLike
from brainevent_core.encodings import BINARY, FLOAT
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import Split
from brainevent_core.matrices import Matrix
from brainevent_core.matrices.delays import narrowed, require_slots
from brainevent_core.ops import EventSpec, deliver, look, take
from brainevent_core.ops.matmul import as_array
from brainevent_core.serialization import serializable
from brainevent_core.sharding import exchange

__all__ = ["DelayRing", "steps"]


def steps(time: QuantityLike, dt: QuantityLike) -> Any:
    """Convert times to delays: the number of steps of length ``dt``, rounded to the nearest integer.

    Args:
        time: a number, an array or a quantity, at least half a step; or a distribution of
            :mod:`brainevent.connect`, whose parameters are converted.
        dt: the length of a step, one number or quantity in a compatible unit.

    Returns:
        An integer, or an array of uint8, uint16 or int32, the smallest dtype that holds the values (int32 if they are
        traced); or a distribution, whose draws :mod:`brainevent.connect` rounds.

    Raises:
        MathError: if a concrete time is less than half a step, or not finite; or if ``dt`` is not positive.
        UnitMismatchError: if only one has a unit, or the units are incompatible.

    Example:
        >>> import brainevent, brainunit as u
        >>> import numpy as np
        >>> brainevent.steps(1.5 * u.ms, 0.1 * u.ms)
        15
        >>> brainevent.steps(np.array([0.1, 40.0]) * u.ms, 0.1 * u.ms)
        array([  1, 400], dtype=uint16)
    """
    length, unit = units.detach(dt)
    step = length if isinstance(length, jax.core.Tracer) else np.asarray(length, np.float64)
    if np.ndim(step) or (not isinstance(step, jax.core.Tracer) and not 0 < float(step) < np.inf):
        raise MathError(f"dt must be one positive time, got {dt}.")
    if hasattr(time, "in_steps"):
        return time.in_steps(dt)
    number = units.mantissa_in(time, unit, "time", "steps dt")
    if isinstance(number, jax.core.Tracer) or isinstance(step, jax.core.Tracer):
        return jnp.rint(jnp.asarray(number) / step).astype(jnp.int32)
    found = np.rint(np.asarray(number, np.float64) / step)
    if found.size and not (found.min() >= 1 and found.max() <= np.iinfo(np.int32).max):
        raise MathError(
            f"A delay is at least one step of {dt}, and at most {np.iinfo(np.int32).max}; got times from "
            f"{np.min(number)} to {np.max(number)}{'' if unit is None else f' {unit}'}. Take a smaller dt, or longer "
            "delays."
        )
    return int(found) if found.ndim == 0 else narrowed(found.astype(np.int64))


class DelayRing:
    """A ring buffer of delayed input: one slot for each of the next steps, and the current step.

    It is a pytree, meant to be the carry of a loop: :meth:`add` and :meth:`pop` return new rings, and in a compiled
    loop they use the memory of the old one. The ring starts at step 0. :meth:`add` at step t delivers input that
    arrives at the steps t + delay, and :meth:`pop` takes the input that arrives at step t and moves on to step t + 1.
    Therefore, events that are added before ``pop`` belong to the step that it takes, and those that are added after it
    to the next step.

    Args:
        slots: the number of slots, which must be larger than the largest delay.
        n_post: number of postsynaptic neurons.
        dtype: of the sums; float32, or float64 if that is JAX's default. Weights are converted to it.
        unit: the unit of the sums, compatible with that of weights times that of graded events.
        split: the split of the matrices that deliver to the ring, if they are split over devices: each device has the
            ring of its own neurons.

    Attributes:
        buffer: an array or a quantity, (slots, n_post); input of step t is in ``buffer[t % slots]``. If it is split, it
            has blocks, (blocks, slots, n_post / blocks).
        split: how it is split over devices, or None.
        t: the current step modulo the number of slots, an int32 scalar.

    Raises:
        MathError: if there are fewer than two slots, if numbers are not integers, or if the neurons can't be split
            evenly, or are split by="pre".
        DTypeError: if ``dtype`` is not a floating-point dtype.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
        >>> conn = weights.with_delay(jnp.array([1, 2, 1]))
        >>> ring = brainevent.DelayRing(slots=3, n_post=2)
        >>> ring = ring.add(brainevent.BinaryArray(jnp.array([False, True])), conn)
        >>> for step in range(3):
        ...     now, ring = ring.pop()
        ...     print(step, now)
        0 [0. 0.]
        1 [0. 3.]
        2 [2. 0.]
    """

    buffer: Array | Quantity
    t: Array
    split: Split | None

    def __init__(
        self,
        slots: int,
        n_post: int,
        *,
        dtype: DTypeLike | None = None,
        unit: units.Unit | None = None,
        split: Split | None = None,
    ) -> None:
        try:
            shape = operator.index(slots), operator.index(n_post)
        except TypeError:
            raise MathError(f"A ring has whole numbers of slots and neurons, got {slots!r} and {n_post!r}.") from None
        if shape[0] < 2 or shape[1] < 0:
            raise MathError(
                f"A ring has at least two slots, one for now and one for the next step, got slots={slots} and "
                f"n_post={n_post}."
            )
        dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
        if not jnp.issubdtype(dtype, jnp.floating):
            raise DTypeError(f"A ring holds floating-point numbers, got dtype {dtype}.")
        if split is None:
            buffer, t = jnp.zeros(shape, dtype), jnp.zeros((), jnp.int32)
        else:
            buffer, t = _in_blocks(split, *shape, dtype)
        self._set(units.attach(buffer, unit), t, split)

    def _set(self, buffer: Any, t: Any, split: Split | None) -> None:
        object.__setattr__(self, "buffer", buffer)
        object.__setattr__(self, "t", t)
        object.__setattr__(self, "split", split)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("A ring is immutable; add() and pop() give new ones.")

    @property
    def slots(self) -> int:
        """The number of slots."""
        return int(self.buffer.shape[-2])

    @property
    def n_post(self) -> int:
        """Number of postsynaptic neurons; inside ``shard_map`` over the axis of its split, those of this device."""
        return int(self.buffer.shape[-1] * (1 if self.split is None else self.buffer.shape[0]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the sums."""
        return self.buffer.dtype

    @property
    def unit(self) -> units.Unit | None:
        """The unit of the sums, or None."""
        return units.unit_of(self.buffer)

    def __repr__(self) -> str:
        if not hasattr(self.buffer, "shape") or len(self.buffer.shape) != 2 + (self.split is not None):
            return f"DelayRing({self.buffer!r})"  # leaves made by jax.tree.map
        unit = "" if self.unit is None else f", unit={self.unit}"
        split = "" if self.split is None else f", {self.split.blocks} blocks over {self.split.axis!r}"
        return f"DelayRing(slots={self.slots}, n_post={self.n_post}, dtype={self.dtype}{unit}{split})"

    def add(self, spikes: OperandLike, conn: Matrix, *, backend: str | None = None) -> Self:
        """Deliver ``spikes @ conn`` to the ring, each entry with its delay from the current step.

        Args:
            spikes: (pre,); events, booleans (each True is an event), or numbers, as for a matrix without delays.
            conn: (pre, n_post), with delays: ``delay=`` of its constructor or :meth:`with_delay`. The cost scales with
                the number of spikes if the matrix is compressed by rows or has a column index.
            backend: name of the backend that must run it.

        Returns:
            A ring. It is differentiable with respect to this ring, the weights and numbers, and straight-through with
            respect to float events.

        Raises:
            MathError: if lengths don't fit, if ``conn`` has no delays, or if ring and ``conn`` are split in different
                ways.
            UnsupportedOperationError: if ``conn`` is split by presynaptic neurons.
            StructureError: if a concrete delay is not less than the number of slots; events with such a traced delay
                never arrive.
            UnitMismatchError: if the unit of weights (times numbers) is incompatible with that of the ring.
        """
        if not isinstance(conn, Matrix):
            raise DTypeError(f"A ring takes a matrix with delays, got {type(conn).__name__}.")
        delay = getattr(conn, "delay", None)
        if delay is not None:
            require_slots(delay, self.slots)
        self._require_split_of(conn)
        buffer = deliver(self.buffer, self.t, spikes, conn.__matrix_spec__, backend=backend)
        return self._new(buffer, self.t)

    def add_steps(self, *projections: tuple[OperandLike, Matrix], backend: str | None = None) -> Self:
        """Deliver the spikes of the last steps at once, after :meth:`pop` has been called for these steps.

        If no delay is less than m steps, the spikes of m steps can be exchanged at once: the neurons are simulated for
        m steps, and then all devices exchange their spikes. For matrices that are split, this is one exchange instead
        of m. The sums are the same as with :meth:`add` in each of the steps, bit for bit, also for other matrices.

        Args:
            *projections: ``(spikes, conn)``. Give all projections onto the same ring together, so that sums have the
                same order as with :meth:`add`. ``spikes`` are (m, pre), the oldest first: the last of them belong to
                the step before the current one. ``conn`` is as in :meth:`add`, and no delay is less than m.
            backend: name of the backend that must run it.

        Raises:
            MathError: as for :meth:`add`; or if spikes have different numbers of steps.
            StructureError: if a concrete delay is less than m, or not less than the number of slots. Inside ``jit``,
                delays are traced: check ``int(conn.delay.min())`` before.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> conn = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_delay(2)
            >>> ring = brainevent.DelayRing(slots=3, n_post=2)
            >>> _, ring = ring.pop()
            >>> _, ring = ring.pop()
            >>> ring = ring.add_steps((jnp.array([[True, False], [False, True]]), conn))
            >>> for step in (2, 3):
            ...     now, ring = ring.pop()
            ...     print(step, now)
            2 [0. 1.]
            3 [2. 3.]
        """
        taken = [self._last_steps(*projection) for projection in projections]
        counts = {spikes.array.shape[0] for spikes, _ in taken}
        if len(counts) > 1:
            raise MathError(
                f"The spikes of all projections are of the same steps, got those of {sorted(counts)} steps."
            )
        for _, conn in taken:
            delay = getattr(conn, "delay", None)
            if delay is not None:
                require_slots(delay, self.slots, least=max(counts))
            self._require_split_of(conn)

        def deliver_step(step: Any, buffer: Any) -> Any:
            t = jnp.mod(self.t - count + step, self.slots)
            for spikes, conn in taken:
                fired = spikes._replace(array=jax.lax.dynamic_index_in_dim(spikes.array, step, keepdims=False))
                buffer = deliver(buffer, t, fired, conn.__matrix_spec__, backend=backend)
            return buffer

        count = max(counts, default=0)
        return self._new(jax.lax.fori_loop(0, count, deliver_step, self.buffer), self.t)

    def _last_steps(self, spikes: OperandLike, conn: Matrix) -> tuple[EventSpec, Matrix]:
        """The spikes of some steps, on all devices, and the matrix."""
        if not isinstance(conn, Matrix):
            raise DTypeError(f"A ring takes a matrix with delays, got {type(conn).__name__}.")
        given = getattr(spikes, "__event_spec__", None)
        if given is None:
            array = as_array(spikes)
            given = EventSpec(BINARY if array.dtype == jnp.bool_ else FLOAT, array)
        given = given.summed_over(-1)
        if len(given.array.shape) != 2:
            raise MathError(f"add_steps takes the spikes of some steps, (steps, n), got {tuple(given.array.shape)}.")
        split = getattr(conn, "split", None)
        inside = split is not None and split.axis in manual_axes()
        if split is not None and not inside and given.encoding is BINARY and given.array.shape[1] % split.devices == 0:
            given = exchange(given, split).__event_spec__
        return given, conn

    def _require_split_of(self, conn: Matrix) -> None:
        split = getattr(conn, "split", None)
        if self.split != split and (self.split is not None or split is not None):
            if self.split is None:
                return  # deliver() raises an error with advice
            given = "not split" if split is None else f"split as {split}"
            raise MathError(
                f"The ring is split as {self.split}, and the matrix is {given}: split both in the same way, or use a "
                "ring for each, and add what arrives from them."
            )

    @property
    def now(self) -> Array | Quantity:
        """The input of the current step, (n_post,), without moving on."""
        return look(self.buffer, self.t, self.split)

    def pop(self) -> tuple[Array | Quantity, Self]:
        """The input of the current step, and the ring at the next step.

        Returns:
            ``(now, ring)``: an array or quantity, (n_post,), and the ring in which this slot is cleared, for the step
            that is ``slots`` steps later.
        """
        now, emptied = take(self.buffer, self.t, self.split)
        return now, self._new(emptied, jnp.where(self.t + 1 < self.slots, self.t + 1, 0).astype(jnp.int32))

    def _new(self, buffer: Any, t: Any) -> Self:
        return self.tree_unflatten(self.split, (buffer, t))

    def tree_flatten(self) -> tuple[tuple[Any, Any], Split | None]:
        return (self.buffer, self.t), self.split

    @classmethod
    def tree_unflatten(cls, aux: Split | None, children: Iterable[Any]) -> Self:
        ring = object.__new__(cls)
        buffer, t = children
        ring._set(buffer, t, aux)
        return ring

    def _flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Split | None]:
        children, aux = self.tree_flatten()
        return [(jax.tree_util.GetAttrKey(name), child) for name, child in zip(("buffer", "t"), children)], aux


def _in_blocks(split: Any, slots: int, n_post: int, dtype: Any) -> tuple[Any, Any]:
    """An empty ring, whose blocks are on their devices, and step 0."""
    if not isinstance(split, Split):
        raise MathError(f"split takes a brainevent.sharding.Split, got {type(split).__name__}.")
    if split.by != "post":
        raise MathError('The ring of a device holds what arrives at its own neurons: take Split(..., by="post").')
    size = n_post // len(split.bounds(n_post))

    def empty() -> tuple[Any, Any]:
        return jnp.zeros((split.blocks, slots, size), dtype), jnp.zeros((), jnp.int32)

    made: tuple[Any, Any] = jax.jit(empty, out_shardings=(split.sharding, split.replicated))()
    return made


jax.tree_util.register_pytree_with_keys(
    DelayRing, DelayRing._flatten_with_keys, DelayRing.tree_unflatten, DelayRing.tree_flatten
)
serializable(DelayRing)
