"""``python -m aot``: compile the kernels for TPUs, and compare the figures with the committed ones."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aot.targets import TARGETS, prepare

FIGURES = Path(__file__).with_name("figures.json")

#: The factor by which a figure may grow: figures differ slightly between versions of libtpu.
_TOLERANCE = 1.05


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aot", description=__doc__)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--select", default="", help="a regular expression over the names of cases and programs")
    parser.add_argument("--update", action="store_true", help="write the figures instead of comparing them")
    parser.add_argument("--reference", action="store_true", help="also XLA's figures, for v5e; slow to compile")
    options = parser.parse_args(arguments)
    check = _Check(prepare(), options)
    for line in check.run():
        print(line, flush=True)
    if options.update:
        _write(check.found)
    for fault in check.faults:
        print(f"FAULT: {fault}")
    return 1 if check.faults else 0


def _write(found: dict[str, dict[str, Any]]) -> None:
    """Update the file with the new figures, keep the others, and remove cases that no longer exist."""
    from aot.cases import CASES

    figures: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text())
    for table, entries in found.items():
        for name, entry in entries.items():
            figures.setdefault(table, {}).setdefault(name, {}).update(entry)
    for table in ("bundles", "reference"):
        figures[table] = {name: figures[table][name] for name in map(str, CASES) if name in figures[table]}
    figures["versions"] = {name: version(name) for name in ("jax", "jaxlib", "libtpu")}
    FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


class _Check:
    """A run of the check: its figures and faults."""

    def __init__(self, dumps: str, options: Any) -> None:
        from aot.compiler import Compiler

        self.options, self.compiler = options, Compiler(dumps)
        self.known: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text())
        self.found: dict[str, dict[str, Any]] = {
            "bundles": {},
            "reference": {},
            "network": {},
            "plastic network": {},
        }
        self.faults: list[str] = []

    def run(self) -> Iterator[str]:
        from aot.cases import CASES
        from aot.refusals import refusals

        for name, (function, arguments) in refusals().items():
            if self._wanted(f"refusal {name}"):
                yield f"refusal {name}: {self._refuses(name, function, arguments)}"
        for case in CASES:
            if self._wanted(str(case)):
                for target in self.options.targets:
                    yield f"{case}, {target}: {self._case(case, target)}"
                if self.options.reference:
                    yield f"{case}, v5e, XLA: {self._reference(case)}"
        for target in self.options.targets:
            for name in ("network", "plastic network"):
                if self._wanted(f"{name} {target}") and target in ("v5e", "v6e"):
                    yield f"{name} {target}: {self._network(name, target)}"
        if self._wanted("devices v5e") and "v5e" in self.options.targets:
            import brainevent
            from aot.programs import on_several_devices

            with brainevent.use_backend("pallas"):
                faults = on_several_devices(self.compiler, "v5e")
            self.faults += faults
            yield f"devices v5e: {'; '.join(faults) or 'kernels in shard_map, the reference outside'}"

    def _wanted(self, name: str) -> bool:
        return re.search(self.options.select, name) is not None

    def _refuses(self, name: str, function: Any, arguments: Any) -> str:
        try:
            self.compiler.compile(function, arguments, "v5e")
        except Exception as error:
            return f"refused ({' '.join(str(error).split())[:80]}...)"
        self.faults.append(f"Mosaic takes {name}")
        return "TAKEN"

    def _case(self, case: Any, target: str) -> str:
        import brainevent
        from aot.bundles import largest_loop, main_loop

        with brainevent.use_backend("pallas"):
            compiled = self.compiler.compile(case.product(), case.arguments(), target)
        chosen = [selection.backend for selection in compiled.selections]
        if chosen != ["pallas"]:
            self.faults.append(f"{case}, {target}: no kernel was selected: {compiled.selections}")
            return "no kernel"
        kernels = (case.kernel, "active_list", "pointers")
        self.faults += [
            f"{case}, {target}: {kernel} waits for spilled scalars" for kernel in compiled.spilling(kernels)
        ]
        loop = main_loop if case.innermost else largest_loop
        figure = round(loop(compiled.code_of(case.kernel)) / case.per_iteration, 4)
        self._compare("bundles", str(case), target, figure)
        return f"{figure:g} bundles a synapse, compiled in {compiled.seconds:.1f} s of CPU"

    def _reference(self, case: Any) -> str:
        import brainevent
        from aot.bundles import estimated, weighted

        with brainevent.use_backend("reference"):
            compiled = self.compiler.compile(case.product(), case.arguments(), "v5e")
        irregular = any(f" {operation}(" in compiled.text for operation in ("gather", "scatter"))
        cost = weighted(compiled.dumps) if irregular else estimated(compiled.text)
        figure = float(f"{cost / case.work:.3g}")
        self._compare("reference", str(case), "v5e", figure)
        return f"{figure:g} bundles for each stored synapse, or each step, compiled in {compiled.seconds:.1f} s of CPU"

    def _network(self, name: str, target: str) -> str:
        import brainevent
        from aot import programs

        make, faults_of, right = {
            "network": (programs.network, programs.faults_of_loop, "kernels in the loop, no scatter"),
            "plastic network": (
                programs.plastic_network,
                programs.faults_of_plastic_loop,
                "kernels in the loop, no copy of the weights",
            ),
        }[name]
        with brainevent.use_backend("pallas"):
            compiled = make(self.compiler, target)
        faults = faults_of(compiled.text)
        self.faults += [f"{name} {target}: {fault}" for fault in faults]
        self.found[name][target] = {"cpu_seconds": round(compiled.seconds, 1)}
        return f"{'; '.join(faults) or right}, compiled in {compiled.seconds:.1f} s of CPU"

    def _compare(self, table: str, case: str, target: str, figure: float) -> None:
        self.found[table].setdefault(case, {})[target] = figure
        known = self.known[table].get(case, {}).get(target)
        if self.options.update:
            return
        if known is None:
            self.faults.append(f"{case}, {target}: {figure} has no committed figure; --update writes it")
        elif figure == 0 or figure > _TOLERANCE * known:
            self.faults.append(f"{case}, {target}: {figure:g} bundles a synapse, committed were {known:g}")


if __name__ == "__main__":
    sys.exit(main())
