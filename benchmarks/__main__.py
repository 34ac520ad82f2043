"""``python -m benchmarks``, which ``hatch run bench`` calls."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import docs, options
from benchmarks.connect import command as connect
from benchmarks.delays import command as delays
from benchmarks.devices import command as devices
from benchmarks.harness import reports
from benchmarks.harness.reports import Report
from benchmarks.jitc import command as jitc
from benchmarks.microcircuit import command as microcircuit
from benchmarks.network import command as network
from benchmarks.overhead import command as overhead
from benchmarks.plasticity import command as plasticity
from benchmarks.products import command as products
from benchmarks.rules import command as rules
from benchmarks.startup import command as startup
from benchmarks.threads import command as threads
from brainevent_core.bench import machine

BENCHMARKS: dict[str, tuple[str, Callable[[options.Options], Report | None]]] = {
    "products": ("event and float products, kernel by kernel", products.run),
    "jitc": ("products with connectivity that is generated on the fly", jitc.run),
    "plasticity": ("weights that change where neurons spike", plasticity.run),
    "delays": ("events that arrive later, each by the delay of its synapse", delays.run),
    "devices": ("networks over several devices and processes, and what a model says of many", devices.run),
    "rules": ("a learning rule of one's own, on active synapses and on all", rules.run),
    "connect": ("connection rules: synapses per second", connect.run),
    "network": ("a second of the COBA network, at three sizes", network.run),
    "microcircuit": ("a second of the cortical microcircuit, beside NEST", microcircuit.run),
    "startup": ("the first product in a new process", startup.run),
    "threads": ("the CPU time of products on pools of 1 to 64 threads", threads.run),
    "overhead": ("what it costs to call a kernel at all", overhead.run),
}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks that the command line names."""
    chosen = options.parse(arguments, {name: about for name, (about, _) in BENCHMARKS.items()})
    described = machine.describe()
    command = shlex.join(["hatch", "run", "bench", *(sys.argv[1:] if arguments is None else arguments)])
    figures = {}
    for name in chosen.names:
        report = BENCHMARKS[name][1](chosen)
        if report is None:
            continue
        figures[name] = report.as_json()
        print("\n".join(reports.plain(report)), flush=True)
        _save(report, chosen, described, command)
    if chosen.json and figures:
        chosen.json.write_text(json.dumps({"command": command, "machine": described, **figures}, indent=2))
        print(f"\nFigures written to {chosen.json}")


def _save(report: Report, chosen: options.Options, described: dict[str, str], command: str) -> None:
    if chosen.plot is not None:
        chosen.plot.mkdir(parents=True, exist_ok=True)
        for picture in report.pictures:
            file = Path(chosen.plot) / f"{picture.name}.png"
            picture.draw(file)
            print(f"\nPicture drawn to {file}")
    if chosen.docs:
        docs.update(report, machine=described, command=command)


if __name__ == "__main__":
    main()
