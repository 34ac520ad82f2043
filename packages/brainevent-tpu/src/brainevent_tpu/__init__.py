"""The TPU backend of brainevent.

Installing this package is enough: `brainevent` finds it by its entry point. It has kernels for products of events with
compressed, dense and generated rows, for products with a fixed number of synapses per neuron and their derivatives, and
for plasticity of dense rows; other operations run on the reference kernels, compiled by XLA. `brainevent info` says
whether it can be used here. It also provides the kernel language `brainevent.pallas_kernel`.
"""

__version__ = "1.0.0"
__all__ = ["__version__"]
