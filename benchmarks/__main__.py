"""``python -m benchmarks NAME``, which ``hatch run bench NAME`` calls."""

import argparse
import json
from pathlib import Path

from benchmarks import overhead

BENCHMARKS = {"overhead": overhead.run}


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which to run; all by default")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the raw figures to this file")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    figures = {n: BENCHMARKS[n](options.rounds, progress=not options.no_progress) for n in options.names or BENCHMARKS}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
        print(f"Figures written to {options.json}")


if __name__ == "__main__":
    main()
