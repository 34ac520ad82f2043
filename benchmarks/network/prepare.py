"""Draws the network once, and writes it to a file for simulators that can't use ``examples/coba.py``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.network.cases import Case

__all__ = ["EXAMPLES", "STEPS", "Rates", "Stage"]

EXAMPLES = Path(__file__).parents[2] / "examples"

STEPS = 10_000
"""A second of biological time, in steps of 0.1 ms."""


class Stage:
    """Prepares cases in a folder."""

    def __init__(self, folder: Path, peers: Mapping[str, Peer]) -> None:
        self._folder = folder
        self._peers = peers

    def __call__(self, case: Case) -> Prepared:
        write(case, self._folder / "network.npz")
        arguments = {"scale": case.scale, "seed": case.seed, "steps": STEPS, "folder": str(self._folder)}
        tasks = {
            name: Task(f"benchmarks.network.peers.{peer.module}", "program", {**arguments, **peer.arguments})
            for name, peer in self._peers.items()
        }
        return Prepared(tasks, Rates().what_is_wrong)


class Rates:
    """Compares firing rates, because two float32 simulations of a chaotic network diverge after about 100 ms.

    The rates in one second vary by a few percent between seeds, at scale 1.
    """

    TOLERANCE = 0.15

    def __init__(self) -> None:
        self._expected = np.full(2, 20.0)  # the paper: "some 20 spikes a second"
        self._first = True

    def what_is_wrong(self, result: np.ndarray) -> str | None:
        """A description of the error, or None, for the rates of both populations in Hz and the simulated seconds."""
        *rates, seconds = result
        if seconds < 1.0:  # only the beginning, by a simulator that is too slow for more
            return None if min(rates) > 1.0 else f"The network fell silent: {_shown(rates)}."
        if not np.allclose(rates, self._expected, rtol=self.TOLERANCE):
            return f"The neurons fire at {_shown(rates)}; expected were {_shown(self._expected)}, give or take 15 %."
        if self._first:
            self._expected, self._first = np.asarray(rates), False
        return None


def _shown(rates: object) -> str:
    return " and ".join(f"{rate:.1f}" for rate in np.asarray(rates)) + " Hz"


def write(case: Case, file: Path) -> None:
    """Write the arrays of the network, and its parameters in ms, mV, nS and pF."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    import coba

    network = coba.make_network(case.scale, case.seed)
    p, state = network.parameters, network.state
    quantities = {name: value for name, value in p._asdict().items() if isinstance(value, u.Quantity)}
    numbers: dict[str, Any] = {
        name: float(value.to_decimal(unit))
        for name, value in quantities.items()
        for unit in (u.ms, u.mV, u.nS, u.pF)
        if unit.has_same_dim(u.get_unit(value))
    }
    np.savez(
        file,
        exc_targets=network.exc.indices,
        exc_pointers=network.exc.indptr,
        inh_targets=network.inh.indices,
        inh_pointers=network.inh.indptr,
        v=state.v.to_decimal(u.mV),
        g_exc=state.g_exc.to_decimal(u.nS),
        g_inh=state.g_inh.to_decimal(u.nS),
        **numbers,
    )
