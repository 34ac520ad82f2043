"""Edge files of SONATA, the format of large-scale models (Dai et al. 2020, doi:10.1371/journal.pcbi.1007696)."""

from __future__ import annotations

from os import PathLike
from typing import Any

import brainunit as u
import numpy as np
import numpy.typing as npt

from brainevent_core._typing import QuantityLike
from brainevent_core.errors import StructureError
from brainevent_core.interchange.edges import Edges, from_edges
from brainevent_core.ring import steps

__all__ = ["from_sonata"]


def from_sonata(
    path: str | PathLike[str],
    population: str,
    *,
    weight: str | QuantityLike = "syn_weight",
    dt: QuantityLike | None = None,
    delay: str = "delay",
    pre_ids: npt.ArrayLike | None = None,
    post_ids: npt.ArrayLike | None = None,
) -> Edges:
    """Read the edges of one population from a SONATA edge file. This needs h5py: ``pip install 'brainevent[sonata]'``.

    Args:
        path: path of the HDF5 file.
        population: name of the edge population, a group below ``edges``.
        weight: the dataset of weights in the edge groups, or weights themselves, as in :func:`from_edges`. If there is
            no dataset ``syn_weight``, every weight is 1.
        dt: the time step, a quantity: delays, which SONATA stores in milliseconds, are read and rounded to whole steps.
            None: a matrix without delays.
        delay: the dataset of delays in the edge groups.
        pre_ids: the node ids of all source neurons, in the order of rows; by default, those that occur.
        post_ids: the node ids of all target neurons.

    Returns:
        A matrix and the node ids of its rows and columns; edges are in the order of the file.

    Raises:
        ImportError: if h5py is not installed.
        StructureError: if the file has no such population or dataset.
        MathError: if a delay is shorter than half a step.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError("from_sonata reads HDF5 files by h5py: `pip install 'brainevent[sonata]'`.") from None
    with h5py.File(path, "r") as file:
        populations = file.get("edges", {})
        if population not in populations:
            others = ", ".join(populations) or "none"
            raise StructureError(f"{path} has no edge population {population!r}, but {others}.")
        edges = populations[population]
        sources, targets = edges["source_node_id"][:], edges["target_node_id"][:]
        weights = weight
        if isinstance(weight, str):
            weights = _dataset(edges, weight, sources.size, str(path), optional=weight == "syn_weight")
        late = None
        if dt is not None:
            late = steps(np.asarray(_dataset(edges, delay, sources.size, str(path))) * u.ms, dt)
    return from_edges(sources, targets, weights, delay=late, pre_ids=pre_ids, post_ids=post_ids)


def _dataset(edges: Any, name: str, count: int, path: str, *, optional: bool = False) -> Any:
    """A dataset of the edge groups in the order of edges; None if it is optional, and no group has it."""
    groups = {key: edges[key][name][:] for key in edges if key.isdecimal() and name in edges[key]}
    if not groups:
        if optional:
            return None
        raise StructureError(f"The edge groups of {path} have no dataset {name!r}.")
    if "edge_group_id" not in edges:
        return next(iter(groups.values()))
    group, index = edges["edge_group_id"][:], edges["edge_group_index"][:]
    values = np.zeros(count, np.result_type(*groups.values()))
    for key in np.unique(group):
        if str(key) not in groups:
            raise StructureError(f"The edge group {key} of {path} has no dataset {name!r}, and other groups have.")
        values[group == key] = groups[str(key)][index[group == key]]
    return values
