"""``python -m benchmarks``, which ``hatch run bench`` calls."""

import json

from benchmarks import options, overhead
from benchmarks.products import command as products

BENCHMARKS = {"products": products.run, "overhead": overhead.run}
ABOUT = {
    "products": "event and float products, kernel by kernel",
    "overhead": "what it costs to call a kernel at all",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks that the command line names."""
    chosen = options.parse(arguments, ABOUT)
    figures = {name: BENCHMARKS[name](chosen) for name in chosen.names}
    if chosen.json and not chosen.list_only:
        chosen.json.write_text(json.dumps(figures, indent=2))
        print(f"Figures written to {chosen.json}")


if __name__ == "__main__":
    main()
