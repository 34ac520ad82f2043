"""The CPU backend of brainevent: kernels compiled by Numba, called by XLA without entering Python.

Installing this package is enough: `brainevent` finds it by its entry point and uses it for every operation on CPU
that it supports. Your own operators can use the same native bridge, see `brainevent_cpu.bridge`.
"""

__version__ = "1.0.0"
__all__ = ["__version__"]
