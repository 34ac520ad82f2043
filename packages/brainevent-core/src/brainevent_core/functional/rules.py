"""User-defined learning rules, on the arrays of a CSR matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brainevent_core._typing import ArrayLike, LearningRule, OperandLike
from brainevent_core.matrices import CSR

__all__ = ["csr_apply_on_post", "csr_apply_on_pre"]


def csr_apply_on_pre(
    rule: LearningRule,
    edge_state: Any,
    indices: ArrayLike,
    indptr: ArrayLike,
    pre_spike: OperandLike,
    *,
    pre_vals: Any = None,
    post_vals: Any = None,
    params: Any = None,
    shape: Sequence[int],
    backend: str | None = None,
) -> Any:
    """Apply your own learning rule to the synapses of presynaptic neurons that spike.

    This is the same as :meth:`CSR.apply_on_pre <brainevent_core.matrices.Matrix.apply_on_pre>`, which has the details.

    Args:
        rule: ``rule(edge, pre, post, params) → edge``, for one synapse.
        edge_state: a pytree of arrays (nse, ...), in the order of the entries.
        indices: column of every entry, (nse,), any integer dtype.
        indptr: the position of each row's first entry, (rows + 1,), any integer dtype.
        pre_spike: (rows,); an event array, or a plain array in which nonzero entries are events.
        pre_vals: a pytree of arrays (rows, ...), or of single numbers.
        post_vals: the same for postsynaptic neurons, (columns, ...).
        params: a pytree that is passed to every synapse.
        shape: (rows, columns), that is (pre, post).
        backend: name of the backend that must run it.

    Returns:
        The new state, in the shapes, dtypes and units of ``edge_state``.

    Raises:
        MathError: if lengths don't fit.
        DTypeError: if the rule returns another pytree than that of the state, or ``indices`` do not hold integers.
        StructureError: if indices or pointers are concrete and out of range.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, indices, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 1]), jnp.array([0, 1, 3])
        >>> grow = lambda w, pre, post, rate: w + rate * post
        >>> spikes, values = jnp.array([False, True]), {"post_vals": jnp.array([0.5, 0.25]), "params": 2.0}
        >>> brainevent.csr_apply_on_pre(grow, weight, indices, indptr, spikes, **values, shape=(2, 2))
        Array([1. , 3. , 3.5], dtype=float32)
    """
    matrix = CSR((1.0, indices, indptr), shape=shape)
    options: Any = {"pre_vals": pre_vals, "post_vals": post_vals, "params": params, "backend": backend}
    return matrix.apply_on_pre(rule, edge_state, pre_spike, **options)


def csr_apply_on_post(
    rule: LearningRule,
    edge_state: Any,
    indices: ArrayLike,
    indptr: ArrayLike,
    post_spike: OperandLike,
    *,
    pre_vals: Any = None,
    post_vals: Any = None,
    params: Any = None,
    shape: Sequence[int],
    backend: str | None = None,
) -> Any:
    """Apply your own learning rule to the synapses of postsynaptic neurons that spike.

    Otherwise like :func:`csr_apply_on_pre`. The synapses of a neuron are searched once if indices are concrete, and
    remembered as long as these arrays exist.

    Args:
        post_spike: (columns,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, indices, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 1]), jnp.array([0, 1, 3])
        >>> depress = lambda w, pre, post, rate: w - rate * pre
        >>> spikes, values = jnp.array([False, True]), {"pre_vals": jnp.array([0.5, 0.25]), "params": 2.0}
        >>> brainevent.csr_apply_on_post(depress, weight, indices, indptr, spikes, **values, shape=(2, 2))
        Array([0. , 2. , 2.5], dtype=float32)
    """
    matrix = CSR((1.0, indices, indptr), shape=shape)
    options: Any = {"pre_vals": pre_vals, "post_vals": post_vals, "params": params, "backend": backend}
    return matrix.apply_on_post(rule, edge_state, post_spike, **options)
