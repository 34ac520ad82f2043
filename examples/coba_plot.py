"""The picture of the COBA network: a spike raster, population rates, and membrane potentials of a few neurons."""

from typing import TYPE_CHECKING

import brainunit as u
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from coba import Parameters, Recording

# Vermilion and blue of Okabe and Ito's palette, distinguishable with any colour vision and in grey.
EXCITATORY, INHIBITORY = "#D55E00", "#0072B2"
SHOWN_NEURONS = 400  # in the raster
SPIKE_PEAK = -25.0  # mV, to which the spikes are drawn
TRACE_WINDOW = 200.0  # ms, the last of the simulation


def draw(recording: "Recording", parameters: "Parameters", duration: u.Quantity) -> Figure:
    """Three panels: raster, population rates, and membrane potentials."""
    end = float(duration.to_decimal(u.ms))
    window = (max(0.0, end - TRACE_WINDOW), end)

    figure = Figure(figsize=(9, 9), dpi=150, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(3, 1, height_ratios=[3.0, 1.2, 3.0])
    raster = figure.add_subplot(grid[0])
    rates = figure.add_subplot(grid[1], sharex=raster)
    neurons = busiest(recording, parameters, window)
    trace_grid = grid[2].subgridspec(len(neurons), 1, hspace=0)
    traces = [figure.add_subplot(row) for row in trace_grid]

    draw_raster(raster, recording, parameters)
    draw_rates(rates, recording, parameters, end)
    draw_traces(traces, neurons, recording, parameters, window)

    raster.set_xlim(0, end)
    raster.tick_params(labelbottom=False)
    for axes in (raster, rates):  # mark the time window of the traces
        axes.axvspan(*window, color="0.93", zorder=0, linewidth=0)
    rates.set_xlabel("time (ms)")
    traces[-1].set_xlabel("time (ms)")
    traces[len(traces) // 2].set_ylabel("membrane potential (mV)", y=1.0)
    for axes in (raster, rates, *traces):
        axes.spines[["top", "right"]].set_visible(False)
    figure.align_ylabels()
    return figure


def draw_raster(axes: Axes, recording: "Recording", parameters: "Parameters") -> None:
    """A dot per spike, for every k-th neuron; excitatory neurons at the bottom."""
    stride = max(1, parameters.n // SHOWN_NEURONS)
    shown = recording.spike_neurons % stride == 0
    times, neurons = recording.spike_times.to_decimal(u.ms)[shown], recording.spike_neurons[shown]
    for members, colour in ((neurons < parameters.n_exc, EXCITATORY), (neurons >= parameters.n_exc, INHIBITORY)):
        axes.plot(
            times[members], neurons[members], linestyle="", marker="o", markersize=1.6, markeredgewidth=0, color=colour
        )
    axes.set_ylim(0, parameters.n)
    axes.set_yticks([0, parameters.n_exc, parameters.n])
    which = "every neuron" if stride == 1 else f"one neuron in {stride}"
    axes.set_ylabel("neuron")
    axes.set_title(f"Spikes in the COBA network ({which} shown)", loc="left", fontsize=11)
    for start, stop, name, colour in (
        (0, parameters.n_exc, "excitatory", EXCITATORY),
        (parameters.n_exc, parameters.n, "inhibitory", INHIBITORY),
    ):
        axes.text(
            *(1.01, (start + stop) / 2, name),
            color=colour,
            fontsize=9,
            rotation=270,
            va="center",
            transform=axes.get_yaxis_transform(),
        )


def draw_rates(axes: Axes, recording: "Recording", parameters: "Parameters", end: float) -> None:
    """Population rates in Hz, in bins of at most 5 ms."""
    bins = max(1, int(np.ceil(end / 5)))
    times = recording.spike_times.to_decimal(u.ms)
    excitatory = recording.spike_neurons < parameters.n_exc
    for members, size, colour in (
        (excitatory, parameters.n_exc, EXCITATORY),
        (~excitatory, parameters.n_inh, INHIBITORY),
    ):
        count, edges = np.histogram(times[members], bins, (0, end))
        axes.stairs(count / size / np.diff(edges) * 1000, edges, baseline=None, color=colour, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rate (Hz)")
    axes.set_title("Population rates", loc="left", fontsize=11)


def draw_traces(
    rows: list[Axes], neurons: list[int], recording: "Recording", parameters: "Parameters", window: tuple[float, float]
) -> None:
    """A row per neuron, with a line at every spike, because the model has no visible action potential."""
    times = recording.v_times.to_decimal(u.ms)
    chosen = (times >= window[0]) & (times <= window[1])
    potential = recording.v.to_decimal(u.mV)[chosen]
    threshold, reset = (float(x.to_decimal(u.mV)) for x in (parameters.v_threshold, parameters.v_reset))
    for axes, neuron in zip(rows, neurons, strict=True):
        colour = EXCITATORY if neuron < parameters.n_exc else INHIBITORY
        axes.axhline(threshold, color="0.6", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
        axes.plot(times[chosen], potential[:, neuron - recording.v_neurons.start], color=colour, linewidth=1)
        axes.vlines(spikes_of(neuron, recording, window), reset, SPIKE_PEAK, color=colour, linewidth=1)
        axes.set_xlim(window)
        axes.set_ylim(-79, SPIKE_PEAK + 3)
        axes.set_yticks([-70, threshold])
        axes.text(
            *(1.01, 0.5, f"{neuron}"), color=colour, fontsize=9, rotation=270, va="center", transform=axes.transAxes
        )
        axes.tick_params(labelbottom=axes is rows[-1], bottom=axes is rows[-1])
        axes.spines["bottom"].set_visible(axes is rows[-1])
    rows[0].set_title(
        "Membrane potentials of four neurons in the shaded window (dashed: threshold)", loc="left", fontsize=11
    )


def busiest(recording: "Recording", parameters: "Parameters", window: tuple[float, float]) -> list[int]:
    """Two neurons of each population: among those recorded, the ones with the most spikes in the window."""
    by_activity = sorted(recording.v_neurons, key=lambda neuron: -spikes_of(neuron, recording, window).size)
    inhibitory = [neuron for neuron in by_activity if neuron >= parameters.n_exc][:2]
    excitatory = [neuron for neuron in by_activity if neuron < parameters.n_exc][:2]
    return inhibitory + excitatory


def spikes_of(neuron: int, recording: "Recording", window: tuple[float, float]) -> np.ndarray:
    times = recording.spike_times.to_decimal(u.ms)[recording.spike_neurons == neuron]
    return times[(times >= window[0]) & (times <= window[1])]
