"""The command line of the COBA example. Options are checked before the simulation starts."""

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import brainunit as u

import brainevent

if TYPE_CHECKING:
    from coba import Parameters


def parse(arguments: list[str] | None, parameters: "Parameters") -> argparse.Namespace:
    """Parse the options; invalid ones end the program with a message."""
    parser = argparse.ArgumentParser(
        prog="coba",
        description="Simulate the COBA network (Brette et al. 2007, benchmark 1), print its statistics and draw it.",
    )
    parser.add_argument(
        "--scale",
        type=positive,
        default=1.0,
        help="multiplies the 4,000 neurons; the synapses per neuron stay the same, so that the probability of a "
        "connection is 2%% divided by this (default 1)",
    )
    parser.add_argument(
        "--duration",
        type=positive,
        default=1000.0,
        metavar="MS",
        help="biological time to simulate (default 1000)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of connectivity and initial state (default 0)")
    parser.add_argument(
        "--backend", help="backend of the kernels, for example numba or reference (default: the best one installed)"
    )
    parser.add_argument(
        "--output",
        type=writable_picture,
        default="coba.png",
        metavar="PATH",
        help="file of the picture: .png, .pdf or .svg (default coba.png)",
    )
    parser.add_argument(
        "--no-progress",
        action="store_true",
        help="no progress bar (there is none either when stderr is not a terminal)",
    )
    options = parser.parse_args(arguments)

    if round(options.duration * u.ms / parameters.dt) < 1:
        parser.error(f"--duration: must be at least a time step, {parameters.dt}, not {options.duration:g} ms")
    smallest = parameters.connection_probability
    if options.scale < smallest:
        parser.error(
            f"--scale: must be at least {smallest:g}, not {options.scale:g}: in a smaller network a neuron can't find "
            "its 80 presynaptic sources"
        )
    return options


def positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return number


def seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text}")
    return int(text)


def writable_picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"must end in .png, .pdf or .svg, not {path.name}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is not a directory")
    existed = path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} can't be written: {error.strerror}") from None
    if not existed:
        path.unlink()
    return path


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Errors during the run end the program with a message instead of a traceback."""
    try:
        yield
    except ImportError as error:
        message = f"{error}. The picture and the progress bar need: pip install matplotlib tqdm"
        if error.name not in ("matplotlib", "tqdm"):
            raise
    except MemoryError as error:
        message = f"--scale: a network of this size does not fit into memory ({error})"
    except brainevent.BrainEventError as error:
        message = str(error)
    else:
        return
    print(f"coba: error: {message}", file=sys.stderr)
    raise SystemExit(2)
