"""The output of the COBA example: the size of the network, its firing statistics, and the speed of the simulation."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import brainunit as u
import jax
import numpy as np

if TYPE_CHECKING:
    from coba import Network, Parameters, Recording


def print_network(network: "Network", build_seconds: float) -> None:
    p, exc, inh = network.parameters, network.exc, network.inh
    print("COBA: conductance-based integrate-and-fire neurons (Brette et al. 2007, benchmark 1)")
    print(f"neurons     {p.n:,}: {p.n_exc:,} excitatory, {p.n_inh:,} inhibitory")
    print(
        f"synapses    {exc.nse + inh.nse:,}: {exc.nse:,} excitatory, {inh.nse:,} inhibitory "
        f"(connection probability {100 * p.connection_probability:.3g} %)"
    )
    print(f"build       {build_seconds:.2f} s")


@contextlib.contextmanager
def progress_bar(duration: u.Quantity, hidden: bool) -> Iterator[Callable[[u.Quantity], None]]:
    """A progress bar, and a function that sets it to an elapsed time."""
    from tqdm import tqdm

    layout = "simulating {l_bar}{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]"
    # None: no bar where stderr is not a terminal
    with tqdm(total=duration.to_decimal(u.ms), bar_format=layout, disable=hidden or None, leave=False) as bar:
        yield lambda elapsed: bar.update(elapsed.to_decimal(u.ms) - bar.n)


def print_recording(recording: "Recording", p: "Parameters", duration: u.Quantity) -> None:
    seconds, steps = duration.to_decimal(u.second), round(float(duration / p.dt))
    for kernel in recording.kernels or ["none was compiled afresh"]:
        print(f"kernel      {kernel}")
    print(f"device      {jax.devices()[0]}, {recording.state.v.dtype}")
    print(f"compile     {recording.compile_seconds:.2f} s")
    print(
        f"simulate    {recording.run_seconds:.3f} s for {seconds:g} s of biological time: "
        f"{seconds / recording.run_seconds:.2g} times real time, {1e6 * recording.run_seconds / steps:.1f} us per step"
    )

    transient = min(100.0 * u.ms, duration / 5)
    print(f"firing      from {transient.to_decimal(u.ms):g} ms on, after the initial transient")
    for name, neurons in ("excitatory", range(p.n_exc)), ("inhibitory", range(p.n_exc, p.n)):
        firing = firing_statistics(recording, neurons, transient, duration)
        irregularity = f"CV of the interspike intervals {firing.cv:.2f}, CV2 {firing.cv2:.2f}"
        if math.isnan(firing.cv):
            irregularity = "too few spikes for a CV"
        print(f"  {name}  {firing.rate.to_decimal(u.Hz):.1f} Hz, {irregularity}")

    last = recording.spike_times[-1] if recording.spike_neurons.size else 0.0 * u.ms
    if duration - last > 50.0 * u.ms:
        print(
            f"  The activity died out after {last.to_decimal(u.ms):.1f} ms. How long it lasts is random, and grows "
            "with the network: try another --seed or a larger --scale."
        )


class FiringStatistics(NamedTuple):
    rate: u.Quantity
    cv: float  # standard deviation over mean of the interspike intervals: 0 if regular, 1 for a Poisson process
    cv2: float  # the same for neighbouring intervals, which ignores slow changes of the rate


def firing_statistics(recording: "Recording", neurons: range, start: u.Quantity, stop: u.Quantity) -> FiringStatistics:
    """Mean rate of the neurons between two times, and how irregularly they fire.

    CV2 is the mean of 2 |I' - I| / (I' + I) over neighbouring intervals I, I' (Holt et al. 1996, J. Neurophysiol.
    75:1806-1814). CV and CV2 are averages over the neurons with at least three intervals; NaN where there is none.
    """
    times, who = recording.spike_times.to_decimal(u.ms), recording.spike_neurons
    chosen = (times > start.to_decimal(u.ms)) & (times <= stop.to_decimal(u.ms))
    chosen &= (who >= neurons.start) & (who < neurons.stop)
    times, who = times[chosen], who[chosen] - neurons.start
    rate = (times.size / len(neurons) / (stop - start)).in_unit(u.Hz)

    by_neuron = np.lexsort((times, who))
    times, who = times[by_neuron], who[by_neuron]
    of_one_neuron = who[1:] == who[:-1]
    intervals, who = np.diff(times)[of_one_neuron], who[1:][of_one_neuron]
    count = np.bincount(who, minlength=len(neurons))
    if not np.any(count >= 3):
        return FiringStatistics(rate, math.nan, math.nan)

    intervals, who, count = intervals[count[who] >= 3], who[count[who] >= 3], np.maximum(count, 3)
    mean = np.bincount(who, intervals, len(neurons)) / count
    variance = np.bincount(who, (intervals - mean[who]) ** 2, len(neurons)) / (count - 1)
    cv = (np.sqrt(variance) / np.where(mean > 0, mean, np.nan))[mean > 0].mean()

    neighbours = who[1:] == who[:-1]
    change = 2 * np.abs(np.diff(intervals)) / (intervals[1:] + intervals[:-1])
    cv2_sum = np.bincount(who[1:][neighbours], change[neighbours], len(neurons))
    cv2 = (cv2_sum / (count - 1))[mean > 0].mean()
    return FiringStatistics(rate, float(cv), float(cv2))
