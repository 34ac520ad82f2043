"""Generated connectivity, materialised: windows as dense arrays, and connections as entries."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import require_whole
from brainevent_core.primitives import jitc_to_coo_p, jitc_to_dense_p

__all__ = ["Connections", "connections", "count_connections", "window"]


class Connections(NamedTuple):
    """The connections of the generated matrix, in row-major order.

    Attributes:
        data: weights of the connections; a single one if the law is constant.
        row: row of each connection.
        col: column of each connection; outside the matrix for unused capacity.
        counts: number of connections per row.
    """

    data: Any
    row: Any
    col: Any
    counts: Any


def window(spec: MatrixSpec, row: Any, col: Any, shape: tuple[int, int], backend: str | None = None) -> Any:
    """A dense window of the generated matrix from (row, col) on, in its stored orientation and without the unit."""
    rule = _rule(spec)
    seed, row_offset = spec.structure
    offset = jnp.stack([row_offset[0] + jnp.asarray(row).astype(jnp.uint32), jnp.asarray(col).astype(jnp.uint32)])
    connected, drawn = jitc_to_dense_p(seed, offset, rule=rule, shape=shape, backend=backend)
    return jnp.where(connected, _weights(spec, drawn), 0)


def count_connections(spec: MatrixSpec) -> Any:
    """The number of connections in each row of the generated matrix.

    Raises:
        MathError: if the seed is traced.
    """
    rule = _rule(spec)
    if spec.is_traced:
        raise MathError("The connections of a traced seed can't be counted. Inside jit, give nse= (an upper bound).")
    # Inside jit, too, a network with a concrete seed is counted at trace time.
    with jax.ensure_compile_time_eval():
        return jitc_to_coo_p(*spec.structure, rule=rule, shape=spec.shape, nse=0)[0]


def connections(spec: MatrixSpec, nse: int | None) -> Connections:
    """The connections, with a capacity of ``nse``; None: the number of connections.

    Raises:
        MathError: if there are more than ``nse`` and the seed is concrete; with a traced seed, the rest is dropped.
    """
    rule = _rule(spec)
    if nse is None or not spec.is_traced:
        found = int(np.asarray(count_connections(spec), np.int64).sum())
        if nse is not None and found > nse:
            raise MathError(f"The matrix has {found} connections, more than nse={nse}; some would be lost.")
        nse = found if nse is None else nse
    counts, col, drawn = jitc_to_coo_p(*spec.structure, rule=rule, shape=spec.shape, nse=nse)
    entries = jnp.arange(nse, dtype=counts.dtype)
    row = jnp.searchsorted(jnp.cumsum(counts), entries, side="right").astype(jnp.int32)
    one_for_all = rule.law.variate is None and nse
    data = jnp.reshape(_weights(spec, drawn[:1]), -1)[:1] if one_for_all else _weights(spec, drawn)
    return Connections(units.attach(data, units.unit_of(spec.data)), row, col, counts)


def _weights(spec: MatrixSpec, drawn: Any) -> Any:
    """The weights of connections with these draws, without their unit."""
    law = _rule(spec).law
    data = jnp.atleast_1d(units.detach(spec.data)[0])
    dtype = data.dtype if jnp.issubdtype(data.dtype, jnp.floating) else jnp.result_type(data, jnp.float32)
    return law.weights(law.linear(data.astype(dtype)), drawn)


def _rule(spec: MatrixSpec) -> ConnectionRule:
    require_whole(spec.format, "list of its connections")
    assert isinstance(spec.format, ConnectionRule)
    return spec.format
