"""The command line: ``python -m brainevent`` and the console script ``brainevent``."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

from brainevent_core import __version__, info

__all__ = ["main"]

#: Commands with their own command line, in modules that need additional packages.
_FORWARDED = {
    "demo": ("brainevent.demo", "simulate and draw the COBA network of 4,000 neurons"),
    "test": ("brainevent_core.testing", "run the conformance kit on a backend"),
    "bench": ("brainevent_core.bench", "measure the kernels of a backend"),
    "precompile": ("brainevent_core.precompile", "compile kernels and keep them on disk, for images and CI"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="brainevent", description="Event-driven sparse computation in JAX.")
    parser.add_argument("--version", action="version", version=f"brainevent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    show = commands.add_parser("info", help="list versions, backends and kernels")
    show.add_argument("--json", action="store_true", help="as JSON, for programs")
    for name, (_, description) in _FORWARDED.items():
        commands.add_parser(name, add_help=False, help=description)
    options, rest = parser.parse_known_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    if options.command in _FORWARDED:
        module, _ = _FORWARDED[options.command]
        try:
            command = importlib.import_module(module)
        except ModuleNotFoundError as error:
            package = module.partition(".")[0]
            if error.name not in (module, package):
                raise
            parser.error(f"{options.command} comes with another distribution: pip install {package}")
        return int(command.main(rest))
    options = parser.parse_args(arguments)

    report = info.gather()
    print(json.dumps(report, indent=2) if options.json else info.render(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
