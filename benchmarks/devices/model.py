"""The cost of a step on many devices, by a model whose terms are measured, see ``docs/devices-model.md``."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PUBLISHED", "Cost", "Link", "Load", "Published", "Terms", "cost"]


@dataclass(frozen=True)
class Terms:
    """Measurements on one device.

    Attributes:
        neuron: ns to update a neuron in a step, including its input.
        synapse: ns per event of a synapse with a delay.
        row: ns to look up the synapses of a neuron that has fired, if it has none on this device.
        scan: ns to find out from packed spikes whether a neuron has fired.
        bytes_per_synapse: for a weight, an index and a delay.
        bytes_per_row: for a pointer to the synapses of a presynaptic neuron; each block has one per neuron of the
            network.
    """

    neuron: float
    synapse: float
    row: float
    scan: float
    bytes_per_synapse: float
    bytes_per_row: float


@dataclass(frozen=True)
class Link:
    """The network between devices; assumed, not measured.

    Attributes:
        latency: µs per message, for each doubling of the number of devices.
        bandwidth: bytes per ns into a device.
    """

    latency: float = 2.0
    bandwidth: float = 12.5


@dataclass(frozen=True)
class Load:
    """A network, and how it is simulated.

    Attributes:
        neurons: per device.
        synapses: per neuron.
        rate: spikes per neuron and second.
        dt: ms per step.
        every: steps between exchanges, which is the minimum delay.
        blocks: per device.
    """

    neurons: int = 100_000
    synapses: int = 1_000
    rate: float = 5.0
    dt: float = 0.1
    every: int = 15
    blocks: int = 1

    @property
    def fired(self) -> float:
        """The fraction of neurons that fire in a step."""
        return self.rate * self.dt * 1e-3


@dataclass(frozen=True)
class Cost:
    """The cost of a step on each device, in µs, and the memory of a device in bytes.

    Attributes:
        devices: the number of devices.
        update: updating neurons.
        deliver: delivering events to the synapses of this device.
        look_up: looking up the rows of all neurons that have fired, on any device.
        scan: scanning the spikes of all neurons.
        wait: the latency of messages, independent of their size.
        transfer: transferring bytes.
        bytes_exchanged: bytes that arrive in a step.
        synapse_bytes, row_bytes: memory for the synapses of this device, and for pointers to those of all neurons.
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
        """µs per step."""
        return self.update + self.deliver + self.look_up + self.scan + self.wait + self.transfer


def cost(terms: Terms, load: Load, link: Link, devices: int) -> Cost:
    """The cost for a network of ``devices · load.neurons`` neurons with random connections."""
    neurons = load.neurons * devices
    fired = neurons * load.fired
    # Bits, or lists with capacity for twice the average number of spikes, whichever is smaller.
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
        what: the simulator and the network, and the computer.
        neurons, synapses: of the network.
        devices: the number and kind of devices.
        seconds: wall-clock time per second of biological time; "" if none is quoted here.
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
