"""The command line: ``python -m brainevent.bench --backend NAME``, or ``brainevent bench``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from brainevent_core import config
from brainevent_core.bench import machine, report
from brainevent_core.bench.arguments import positive, regular_expression
from brainevent_core.bench.cases import SIZES, BenchCase, bench_cases
from brainevent_core.bench.kernels import measure_case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.errors import KernelNotAvailableError
from brainevent_core.plugins import backends, get_registry
from brainevent_core.plugins.discovery import require_usable
from brainevent_core.testing.conformance.check import device_of, platform_of, primitives_of

__all__ = ["main"]

_EFFORT = Effort(rounds=5, seconds=0.02, patience=1.0)
_SUFFIXES = {"k": 1_000, "M": 1_000_000}
_PICTURES = (".png", ".svg", ".pdf")


class _Unusable(Exception):
    """Nothing can be measured; the message gives the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the kernels of a backend, and print a report.

    Args:
        arguments: those of the command line; None for those of the process.

    Returns:
        The exit status: 0 if some kernel was measured and all results agree with the reference, 1 if not, 2 if the
        backend can't be measured.
    """
    options = _options(arguments)
    try:
        names, device = _contenders(options)
        cases = _cases(options, primitives_of(options.backend, device))
    except _Unusable as error:
        print(f"The backend {options.backend!r} can't be measured: {error}", file=sys.stderr)
        return 2
    if options.list:
        print(*(case.name for case in cases), sep="\n")
        return 0
    described = machine.describe()
    found = _measured(cases, names, device, options)
    where = f"{device.device_kind} ({described['processor']}, {described['cores']} cores)"
    print(report.render(found, names, where))
    if options.json:
        facts = {"device": device.device_kind, "platform": platform_of(device), "machine": described}
        versions = {"jax": jax.__version__, **{s.name: s.distribution for s in backends() if s.name in names}}
        data = report.as_data(found, names, **facts, versions=versions)
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    if options.output:
        report.paint(found, names, options.output)
    return 0 if report.is_right(found, options.backend) else 1


def _options(arguments: Sequence[str] | None) -> Any:
    parser = _parser()
    options = parser.parse_args(arguments)
    for file in filter(None, (options.output, options.json)):  # checked now, not after minutes
        if not file.parent.is_dir():
            parser.error(f"there is no folder {file.parent} for {file.name}")
    if options.output:
        if importlib.util.find_spec("matplotlib") is None:
            parser.error("--output needs Matplotlib: pip install 'brainevent[bench]'")
        if options.output.suffix not in _PICTURES:
            parser.error(f"--output draws {', '.join(_PICTURES)}, not {options.output.name!r}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brainevent.bench",
        description="Measure every kernel of a backend beside the reference and the other backends, in turns.",
    )
    parser.add_argument("--backend", required=True, metavar="NAME", help="the backend, by the name of its entry point")
    parser.add_argument(
        "--against",
        type=_names,
        metavar="NAMES",
        help="compare only with these backends, separated by commas, and the reference",
    )
    parser.add_argument(
        "--select",
        type=regular_expression,
        default=re.compile(""),
        metavar="REGEX",
        help="only cases whose name contains a match",
    )
    parser.add_argument("--list", action="store_true", help="list the cases and stop")
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=SIZES,
        metavar="SIZES",
        help="numbers of connections per matrix (default: 1M), such as 10k,1M,20M",
    )
    parser.add_argument(
        "--whole", action="store_true", help="all encodings, and other dtypes, batches and homogeneous weights; an hour"
    )
    parser.add_argument(
        "--rounds", type=positive(int), default=_EFFORT.rounds, help="interleaved rounds (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=positive(float),
        default=_EFFORT.seconds,
        help="minimal duration of one measurement (default: %(default)s)",
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="the clock for comparisons (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, metavar="PICTURE", help="also draw the ratios, as PNG, SVG or PDF")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _sizes(text: str) -> list[int]:
    """Parse sizes such as ``10k,1M``."""
    return [
        max(1, round(positive(float)(part[:-1] if part[-1:] in _SUFFIXES else part) * _SUFFIXES.get(part[-1:], 1)))
        for part in text.split(",")
    ]


def _contenders(options: Any) -> tuple[list[str], jax.Device]:
    """The backends, the tested one first, and the device to run them on.

    Raises:
        _Unusable: if the tested backend has no kernels here, or a named backend can't be used.
    """
    try:
        if options.backend == config.REFERENCE:
            raise _Unusable("the others are compared with it. Name one of them.")
        device = device_of(options.backend)
        if not primitives_of(options.backend, device):
            raise _Unusable(f"it registers no kernel for {platform_of(device)}.")
        for name in options.against or ():
            require_usable(name)
    except (_Unusable, KernelNotAvailableError, RuntimeError) as error:
        raise _Unusable(f"{error}{_installed()}") from None
    # A user's own kernels belong to the backend of their language, even if that can't run, such as Warp's on CPU.
    unusable = {status.name for status in backends() if not status.usable}
    known = {kernel.backend for kernel in get_registry().kernels(platform=platform_of(device))} - unusable
    others = [name for name in options.against or sorted(known) if name not in (options.backend, config.REFERENCE)]
    return [options.backend, config.REFERENCE, *others], device


def _installed() -> str:
    """A sentence that lists the installed backends."""
    states = [f"{status.name}{'' if status.usable else ' (unusable here)'}" for status in backends()]
    return f" Installed: {', '.join(states) or 'none'}."


def _cases(options: Any, primitives: Sequence[str]) -> list[BenchCase]:
    cases = list(bench_cases(primitives, sizes=options.sizes, whole=options.whole))
    selected = [case for case in cases if options.select.search(case.name)]
    if not selected:
        by = (
            f" is selected by {options.select.pattern!r}" if cases else " exists: primitives of your own need their own"
        )
        raise _Unusable(f"no case of {', '.join(primitives)}{by}.")
    return selected


def _measured(
    cases: Sequence[BenchCase], names: Sequence[str], device: jax.Device, options: Any
) -> list[Measured[BenchCase]]:
    effort = Effort(options.rounds, options.seconds, _EFFORT.patience)
    with (
        jax.default_device(device),
        following(f"kernels of {names[0]}", len(cases), not options.no_progress) as progress,
    ):
        return [
            measure_case(case, names, effort, clock=options.clock, progress=partial(progress, case.name))
            for case in cases
        ]
