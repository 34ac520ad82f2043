"""The command line: ``python -m brainevent`` and the console script ``brainevent``."""

import argparse
import json
import sys
from collections.abc import Sequence

from brainevent_core import __version__, info

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="brainevent", description="Event-driven sparse computation in JAX.")
    parser.add_argument("--version", action="version", version=f"brainevent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    show = commands.add_parser("info", help="list versions, backends and kernels")
    show.add_argument("--json", action="store_true", help="as JSON, for programs")
    commands.add_parser("test", add_help=False, help="run the conformance kit on a backend")
    commands.add_parser("bench", add_help=False, help="measure the kernels of a backend")
    options, rest = parser.parse_known_args(arguments)
    if options.command == "test":
        from brainevent_core import testing  # it needs packages that nothing else here does

        return testing.main(rest)
    if options.command == "bench":
        from brainevent_core import bench

        return bench.main(rest)
    options = parser.parse_args(arguments)

    report = info.gather()
    print(json.dumps(report, indent=2) if options.json else info.render(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
