"""What a step costs on many devices: a model whose terms are measured, see ``docs/devices-model.md``."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PUBLISHED", "Cost", "Link", "Load", "Published", "Terms", "cost"]


@dataclass(frozen=True)
class Terms:
    """What was measured on one device.

    Attributes:
        neuron: ns for the update of a neuron in a step, with what arrives at it.
        synapse: ns for an event of a synapse with a delay.
        row: ns to look up the synapses of a neuron that has fired, if it has none here.
        scan: ns to find, in packed spikes, whether a neuron has fired.
        bytes_per_synapse: of a weight, an index and a delay.
        bytes_per_row: of a pointer to the synapses of a presynaptic neuron, which each block has for all of them.
    """

    neuron: float
    synapse: float
    row: float
    scan: float
    bytes_per_synapse: float
    bytes_per_row: float


@dataclass(frozen=True)
class Link:
    """What is between devices; assumed, not measured.

    Attributes:
        latency: µs of a message, for each doubling of the number of devices.
        bandwidth: bytes per ns into a device.
    """

    latency: float = 2.0
    bandwidth: float = 12.5


@dataclass(frozen=True)
class Load:
    """A network, and how it is run.

    Attributes:
        neurons: of each device.
        synapses: of each neuron.
        rate: spikes of a neuron per second.
        dt: ms of a step.
        every: steps between two exchanges, the smallest delay.
        blocks: of each device.
    """

    neurons: int = 100_000
    synapses: int = 1_000
    rate: float = 5.0
    dt: float = 0.1
    every: int = 15
    blocks: int = 1

    @property
    def fired(self) -> float:
        """The part of the neurons that fire in a step."""
        return self.rate * self.dt * 1e-3


@dataclass(frozen=True)
class Cost:
    """Of a step on each device, in µs, and the memory of a device in bytes.

    Attributes:
        devices: how many there are.
        update: of neurons.
        deliver: events of synapses here.
        look_up: rows of all neurons that have fired anywhere.
        scan: of the spikes of all neurons.
        wait: for messages, whatever their size.
        transfer: of bytes.
        bytes_exchanged: that arrive in a step.
        synapse_bytes, row_bytes: of the synapses here, and of pointers to those of all neurons.
    """

    devices: int
    update: float
    deliver: float
    look_up: float
    scan: float
    wait: float
    transfer: float
    bytes_exchanged: float
    synapse_bytes: float
    row_bytes: float

    @property
    def step(self) -> float:
        """µs of a step."""
        return self.update + self.deliver + self.look_up + self.scan + self.wait + self.transfer


def cost(terms: Terms, load: Load, link: Link, devices: int) -> Cost:
    """Of a network of ``devices · load.neurons`` neurons with random connections."""
    neurons = load.neurons * devices
    fired = neurons * load.fired
    # Bits, or lists with room for twice as much as fires, whichever is smaller.
    travels = 0.0 if devices == 1 else min(neurons / 8, 8 * fired) * (devices - 1) / devices
    return Cost(
        devices,
        update=load.neurons * terms.neuron / 1e3,
        deliver=load.neurons * load.synapses * load.fired * terms.synapse / 1e3,
        look_up=fired * load.blocks * terms.row / 1e3,
        scan=neurons * load.blocks * terms.scan / 1e3,
        wait=link.latency * math.log2(devices) / load.every,
        transfer=travels / link.bandwidth / 1e3,
        bytes_exchanged=travels,
        synapse_bytes=load.neurons * load.synapses * terms.bytes_per_synapse,
        row_bytes=neurons * load.blocks * terms.bytes_per_row,
    )


@dataclass(frozen=True)
class Published:
    """A figure from a paper.

    Attributes:
        what: who ran what, on what.
        neurons, synapses: of the network.
        devices: how many there were, of which kind.
        seconds: wall time of a second of biological time; "" if none is quoted here.
        source: of the figures.
    """

    what: str
    neurons: float
    synapses: float
    devices: str
    seconds: str
    source: str


PUBLISHED = [
    Published("NEST on the K computer", 1.73e9, 1.04e13, "82,944 processors", "2,400", "RIKEN and Jülich 2013"),
    Published("NEST on JUQUEEN, weak scaling", 6.5e8, 7.26e12, "458,752 cores", "", "Jülich, High-Q Club"),
    Published("NEST GPU, balanced network of AdEx neurons", 1e6, 1e9, "1 RTX 2080 Ti", "70", "Golosio et al. 2021"),
    Published("NEST GPU, cortical microcircuit", 7.7e4, 3e8, "1 RTX 2080 Ti", "about 1", "Golosio et al. 2021"),
    Published("NEST GPU, multi-area model of macaque cortex", 4e6, 2.4e10, "32 V100", "", "Tiddia et al. 2022"),
]
"""What ``docs/devices-model.md`` cites, with where it stands."""
