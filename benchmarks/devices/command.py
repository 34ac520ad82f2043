"""``hatch run bench devices``.

Two processes on this machine, each with one device, simulate a network and communicate through gloo: they exchange
spikes in every step, or every 15 steps. One device simulates a network that is split and one that isn't, in turn.
Finally, the terms of a model are measured, which then predicts the cost of networks on many devices: see
``docs/devices-model.md``.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.devices.model import PUBLISHED, Cost, Link, Load, Terms, cost
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.reports import Report
from benchmarks.options import Options
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=9, seconds=0.0, patience=0.0)
CASES = ("exchange", "alone", "terms")
EVERY = (1, 15)
DEVICES = (1, 2, 8, 32, 128, 1000)

CLAIMS: list[Claim[dict[str, Any]]] = [
    Claim(
        "exchanging spikes every 15 steps, against every step, two processes",
        lambda one: one["name"] == "exchange",
        lambda one: _median(one["1"]["seconds"]) / _median(one["15"]["seconds"]),
        at_least=2.0,
    ),
    Claim(
        "different spikes when exchanging every 15 steps instead of every step",
        lambda one: one["name"] == "exchange",
        lambda one: float(one["1"]["hash"] != one["15"]["hash"]),
        at_most=0.0,
        unit="",
    ),
    Claim(
        "one device: a sharded network, against one that is not sharded",
        lambda one: one["name"] == "alone",
        lambda one: statistics.median(a / b for a, b in zip(one["split"], one["whole"], strict=True)),
        at_most=1.05,
    ),
]


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    names = [name for name in CASES if options.selects(name)]
    if options.list_only:
        print(*names, sep="\n")
        return None
    rounds, small = options.effort(EFFORT).rounds, options.quick
    asked: dict[str, dict[str, Any]] = {
        "exchange": {"neurons": 8192, "degree": 50, "steps": 600, "every": EVERY, "processes": 2},
        "alone": {"neurons": 20_480, "degree": 100, "steps": 200},
        "terms": {"neurons": 20_480, "degree": 200, "steps": 50, "many": 1 << 20},
    }
    found: list[dict[str, Any]] = []
    with following("devices", len(names), options.progress) as progress:
        for name in names:
            facts = asked[name] | {"rounds": rounds} | ({"steps": 60} if small else {})
            progress(name, "running")
            found.append({"name": name, **_run(name, facts)})
    tables = [table for one in found for table in _TABLES[one["name"]](one)]
    return Report("devices", tables, judge(CLAIMS, found, lambda one: one["name"]), figures=found)


def _run(name: str, asked: dict[str, Any]) -> dict[str, Any]:
    processes = asked.get("processes", 1)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.devices.program", name),
                json.dumps({**asked, "process": process, "coordinator": coordinator}),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(processes)
    ]
    printed = [process.communicate()[0] for process in running]
    failed = [process.returncode for process in running if process.returncode]
    if failed:
        raise RuntimeError(f"A process of the benchmark {name!r} ended with the status {failed[0]}.")
    result: dict[str, Any] = json.loads(printed[0].splitlines()[-1])
    return result


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds)


def _exchange(one: dict[str, Any]) -> list[Table]:
    lines = [
        [
            f"every {every} steps" if every > 1 else "every step",
            f"{1e6 * _median(one[str(every)]['seconds']):.0f}",
            f"{1e6 * min(one[str(every)]['seconds']):.0f}",
            f"{one[str(every)]['bytes']:,.0f}",
            f"{one[str(every)]['spikes']:,}",
            one[str(every)]["hash"][:8],
        ]
        for every in EVERY
    ]
    head = ["exchange", "µs per step", "least", "bytes per step", "spikes", "hash"]
    return [Table("Two processes over gloo, 8,192 neurons with 50 synapses", head, lines)]


def _alone(one: dict[str, Any]) -> list[Table]:
    lines = [[name, f"{1e6 * _median(one[name]):.1f}", f"{1e6 * min(one[name]):.1f}"] for name in ("whole", "split")]
    return [Table("One device, 20,480 neurons with 100 synapses", ["network", "µs per step", "least"], lines)]


def _terms(one: dict[str, Any]) -> list[Table]:
    terms = Terms(**{name: value for name, value in one.items() if name != "name"})
    load, link = Load(), Link()
    units = {"bytes_per_synapse": "bytes", "bytes_per_row": "bytes"}
    measured = [
        [name.replace("_", " "), f"{value:.3g} {units.get(name, 'ns')}"] for name, value in asdict(terms).items()
    ]
    costs = [cost(terms, load, link, devices) for devices in DEVICES]
    head = ["devices", "neurons", "synapses", "update", "deliver", "look up", "scan", "wait", "transfer", "µs per step"]
    head += ["s per s", "GB synapses", "GB rows"]
    remark = (
        f"{load.neurons:,} neurons a device, {load.synapses:,} synapses a neuron, {load.rate:g} spikes/s, steps of "
        f"{load.dt:g} ms, spikes exchanged every {load.every} steps. A device is a core of this machine; a message "
        f"takes {link.latency:g} µs for each doubling of devices, and {link.bandwidth:g} GB/s arrive at each: assumed."
    )
    return [
        Table("Terms, measured on one core", ["term", "value"], measured),
        Table("Weak scaling, by the model", head, [_line(one, load) for one in costs], [remark]),
        Table(
            "Published",
            ["network", "neurons", "synapses", "devices", "s per s", "source"],
            [[p.what, f"{p.neurons:.3g}", f"{p.synapses:.3g}", p.devices, p.seconds, p.source] for p in PUBLISHED],
        ),
    ]


def _line(one: Cost, load: Load) -> list[str]:
    neurons = one.devices * load.neurons
    times = (one.update, one.deliver, one.look_up, one.scan, one.wait, one.transfer, one.step)
    return [
        f"{one.devices:,}",
        f"{neurons:.0e}",
        f"{neurons * load.synapses:.0e}",
        *(f"{value:,.1f}" for value in times),
        f"{one.step / (1e3 * load.dt):.1f}",
        f"{one.synapse_bytes / 1e9:.2f}",
        f"{one.row_bytes / 1e9:.2f}",
    ]


_TABLES = {"exchange": _exchange, "alone": _alone, "terms": _terms}
