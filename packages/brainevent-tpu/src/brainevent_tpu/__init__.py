"""The TPU backend of brainevent.

Installing this package is enough: `brainevent` finds it by its entry point. Its kernels compute products of events with
compressed rows, dense and generated ones, derivatives of those with a fixed number of synapses, and change dense rows
by plasticity; other operations run on the reference
kernels, compiled by XLA. It shows in `brainevent info`, which says whether it can be used here.
It brings the kernel language `brainevent.pallas_kernel`.
"""

__version__ = "1.0.0"
__all__ = ["__version__"]
