"""The CUDA 13 backend of brainevent.

Installing this package is enough: `brainevent` finds it by its entry point. It has kernels for products, plasticity and
delays; other operations on a GPU run on the reference kernels, compiled by XLA. `brainevent info` says whether it can
be used here. It also provides the kernel language `brainevent.warp_kernel`.
"""

__version__ = "1.0.0"
__all__ = ["__version__"]
