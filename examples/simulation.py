"""Common code of the network examples: the loop over time with its progress bar, spike statistics, and the picture."""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from tqdm import tqdm

__all__ = [
    "COLORS",
    "Spikes",
    "activity",
    "figure",
    "options",
    "poisson",
    "raster",
    "report",
    "run",
    "save",
    "timed",
    "uniform",
]

#: For excitatory and inhibitory neurons, and others; distinguishable with any colour vision (Okabe and Ito).
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")


class Spikes(NamedTuple):
    """All spikes of a population, in temporal order.

    Attributes:
        time: when each was fired, in ms.
        neuron: which neuron fired it.
        size: the number of neurons.
        duration: of the recording, in ms.
    """

    time: np.ndarray
    neuron: np.ndarray
    size: int
    duration: float

    def rates(self) -> np.ndarray:
        """The rate of each neuron, in Hz."""
        return np.bincount(self.neuron, minlength=self.size) / (self.duration / 1000)

    def irregularity(self, fewest: int = 3) -> np.ndarray:
        """The CV of the interspike intervals of each neuron that fired often enough."""
        order = np.lexsort((self.time, self.neuron))
        pieces = np.split(self.time[order], np.cumsum(np.bincount(self.neuron, minlength=self.size))[:-1])
        intervals = [np.diff(piece) for piece in pieces if piece.size > fewest]
        return np.array([one.std() / one.mean() for one in intervals])

    def of(self, neurons: range) -> "Spikes":
        """The spikes of some neurons, with ids that start from 0."""
        chosen = (self.neuron >= neurons.start) & (self.neuron < neurons.stop)
        return Spikes(self.time[chosen], self.neuron[chosen] - neurons.start, len(neurons), self.duration)

    def after(self, begin: float) -> "Spikes":
        """The spikes after a time, which becomes time 0."""
        chosen = self.time > begin
        return Spikes(self.time[chosen] - begin, self.neuron[chosen], self.size, self.duration - begin)


def run(
    step: Callable[..., tuple[Any, Any]],
    model: Any,
    state: Any,
    *,
    duration: float,
    dt: float,
    progress: bool = True,
    chunk: int = 500,
) -> tuple[Any, Spikes, Any]:
    """Repeat ``state, (spikes, other) = step(model, state, number)``, in one compiled loop for each `chunk` of steps.

    Args:
        step: a time step; ``spikes`` is a vector of booleans, ``other`` anything else to record, or None.
        model: matrices and other arrays that don't change. (As constants of the program they would slow compilation.)
        state: at time 0.
        duration: simulated time, in ms; surplus steps of the last chunk are not recorded.
        dt: of a step, in ms.
        progress: whether to show a progress bar, if there is a terminal.
        chunk: number of steps after which the spikes are copied from the device.

    Returns:
        The state at the end, the spikes, and what else was recorded, with an axis for the steps.
    """
    steps = round(duration / dt)
    chunk = math.ceil(steps / math.ceil(steps / chunk))

    @jax.jit
    def steps_of(model: Any, state: Any, first: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda state, number: step(model, state, number), state, first + np.arange(chunk))

    fired, others, size = [], [], 0
    with tqdm(total=steps * dt, unit="ms", disable=None if progress else True, bar_format=_BAR) as bar:
        for first in range(0, steps, chunk):
            state, (spikes, other) = steps_of(model, state, first)
            size = spikes.shape[1]
            fired.append(np.flatnonzero(spikes) + first * size)  # step * size + neuron
            others.append(jax.tree.map(np.asarray, other))
            bar.update(min(chunk, steps - first) * dt)
    number, neuron = np.divmod(np.concatenate(fired), size)
    within = number < steps
    recorded = jax.tree.map(lambda *pieces: np.concatenate(pieces)[:steps], *others)
    return state, Spikes((number[within] + 1) * dt, neuron[within], size, steps * dt), recorded


def uniform(key: jax.Array, n: int) -> jax.Array:
    """Uniform random numbers in [0, 1), one per neuron, for noise in every step of a large network.

    A hash of the neuron's number and the key, with constants from a search for the smallest bias
    (https://github.com/skeeto/hash-prospector). ``jax.random.uniform`` is a better generator, but takes ten times as
    long, on a CPU longer than everything else in a step.
    """
    first, second = jax.random.key_data(key).reshape(-1)[:2]
    x = first + jnp.arange(n, dtype=jnp.uint32)
    x = (x ^ (x >> 17)) * jnp.uint32(0xED5AD4BB)
    x = ((x ^ (x >> 11)) + second) * jnp.uint32(0xAC4C1B51)
    x = (x ^ (x >> 15)) * jnp.uint32(0x31848BAB)
    return ((x ^ (x >> 14)) >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def poisson(uniform: jax.Array, mean: float) -> jax.Array:
    """Poisson random numbers with a small mean from uniform ones, by inversion of the distribution.

    This takes one comparison for each possible number, in vector instructions: for a mean of 2, much less time than
    ``jax.random.poisson``, which is made for means of any size.
    """
    at_least = stats.poisson.sf(np.arange(stats.poisson.isf(1e-7, mean) + 1), mean)  # 1, 2, ...
    return sum((uniform < float(p) for p in at_least), jnp.zeros_like(uniform))


_BAR = "{desc}{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms, {remaining} left"


def options(
    description: str,
    *,
    duration: float | None = None,
    picture: str,
    arguments: Sequence[str] | None = None,
    **further: dict[str, Any],
) -> argparse.Namespace:
    """The command line of an example: duration in ms (if it has one), seed, picture, and additional options."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    if duration is not None:
        parser.add_argument("--duration", type=_positive, default=duration, metavar="MS", help=f"default {duration:g}")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default 0)")
    parser.add_argument("--output", type=Path, default=Path(picture), metavar="PATH", help=f"default {picture}")
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="no progress bar")
    for name, how in further.items():
        parser.add_argument(f"--{name}", **how)
    return parser.parse_args(arguments)


def report(populations: dict[str, Spikes], seconds: float | None = None) -> None:
    """Print the rates and the irregularity of populations."""
    for name, spikes in populations.items():
        irregularity = spikes.irregularity()
        cv = f"{np.mean(irregularity):4.2f}" if irregularity.size else "   -"
        print(f"{name:12} {spikes.size:7,} neurons, {np.mean(spikes.rates()):6.2f} Hz, CV of intervals {cv}")
    if seconds is not None:
        longest = max(spikes.duration for spikes in populations.values())
        print(f"time         {seconds:.2f} s for {longest / 1000:g} s of biological time")


def figure(*heights: float) -> tuple[Figure, list[Axes]]:
    """A figure with panels of the given relative heights and a common time axis."""
    drawn = Figure(figsize=(9, 2.2 * sum(heights)), dpi=120, layout="constrained", facecolor="white")
    axes = drawn.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("time (ms)")
    return drawn, list(axes)


def raster(axes: Axes, populations: dict[str, Spikes], *, shown: int = 400, colors: Sequence[str] = COLORS) -> None:
    """Draw a spike raster, with populations on top of each other, of ``shown`` neurons in total."""
    total, base = sum(spikes.size for spikes in populations.values()), 0
    for (name, spikes), color in zip(populations.items(), itertools.cycle(colors), strict=False):
        every = max(1, total // shown)
        drawn = spikes.neuron % every == 0
        axes.scatter(spikes.time[drawn], base + spikes.neuron[drawn], s=2, c=color, linewidths=0, rasterized=True)
        axes.text(1.005, (base + spikes.size / 2) / total, name, color=color, transform=axes.transAxes, va="center")
        base += spikes.size
    axes.set(ylim=(0, total), ylabel="neuron")
    axes.set_xlim(0, max(spikes.duration for spikes in populations.values()))


def activity(populations: dict[str, Spikes], *, every: float, shown: int = 400) -> Figure:
    """The raster of all populations, and below it their number of spikes per ``every`` ms."""
    drawn, (above, below) = figure(3, 1)
    raster(above, populations, shown=shown)
    time = np.concatenate([spikes.time for spikes in populations.values()])
    duration = max(spikes.duration for spikes in populations.values())
    below.hist(time, np.arange(0, duration + every, every), color="0.4")
    below.set_ylabel(f"spikes in {every:g} ms")
    return drawn


def save(drawn: Figure, path: Path) -> None:
    """Write the picture, and print its path."""
    drawn.savefig(path)
    print(f"picture      {path.resolve()}")


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a function, and the seconds that it took."""
    began = time.perf_counter()
    return function(), time.perf_counter() - began


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return number
