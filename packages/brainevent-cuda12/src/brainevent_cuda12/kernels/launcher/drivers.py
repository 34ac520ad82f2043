"""The drivers that execute plans: the CUDA driver, or on a CPU a replacement with the same interface.

The handler gets either as a record of addresses, and can't tell them apart. The replacement runs kernels through Warp's
entry points for CPU, on the thread that launches them, so that everything except the GPU itself can be tested without
one.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

from brainevent_core.errors import KernelBuildError

from . import records
from .plan import Kernel

__all__ = ["CUDA_FUNCTIONS", "CudaDriver", "Driver", "HostDriver", "address_of", "host_driver"]

#: The functions of the CUDA driver that the handler calls, in the order of its record.
CUDA_FUNCTIONS = (
    "cuLaunchKernel",
    "cuMemsetD8Async",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuStreamGetCtx",
    "cuCtxPushCurrent_v2",
    "cuCtxPopCurrent_v2",
)


class Driver(Protocol):
    """A driver that executes plans.

    Attributes:
      name: a part of every plan's key.
      record: the address of its record, which the handler reads.
    """

    @property
    def name(self) -> str: ...

    @property
    def record(self) -> int: ...

    def function(self, kernel: Kernel, arguments: int) -> int:
        """The address of the record of a kernel with this number of arguments."""
        ...


def address_of(function: object) -> int:
    """The address of a C function from `ctypes`."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


class CudaDriver:
    """The CUDA driver.

    Args:
      functions: the address of each of `CUDA_FUNCTIONS`, by its name.
      architectures: of the devices of this process, in their order, such as 90; or those of another machine that
        programs are compiled for, which then can't run here.
    """

    name = "cuda"

    def __init__(self, functions: Mapping[str, int], architectures: Sequence[int]) -> None:
        if len(architectures) > records.MOST_DEVICES:
            raise KernelBuildError(f"{len(architectures)} devices are more than the {records.MOST_DEVICES} supported.")
        self.record = records.words(*(functions[name] for name in CUDA_FUNCTIONS), 1)
        self._architectures = tuple(architectures)
        self._modules: dict[str, int] = {}
        self._functions: dict[tuple[str, str], int] = {}

    @classmethod
    def of_process(cls, architectures: Sequence[int]) -> CudaDriver:
        """The installed driver; without devices, a driver is not needed."""
        if not architectures:
            return cls(dict.fromkeys(CUDA_FUNCTIONS, 0), ())
        try:
            library = ctypes.CDLL("libcuda.so.1")
            functions = {name: address_of(getattr(library, name)) for name in CUDA_FUNCTIONS}
        except (OSError, AttributeError) as error:
            raise KernelBuildError(f"the CUDA driver can't be used: {error}") from error
        return cls(functions, architectures)

    def function(self, kernel: Kernel, arguments: int) -> int:
        if (kernel.digest, kernel.symbol()) not in self._functions:
            if kernel.digest not in self._modules:
                images = {one: records.data(kernel.image(one)) for one in dict.fromkeys(self._architectures)}
                at = [images[one] for one in self._architectures]
                empty = [0] * (2 * records.MOST_DEVICES - len(at))
                self._modules[kernel.digest] = records.words(*at, *empty)
            handles = [0] * records.MOST_DEVICES
            self._functions[kernel.digest, kernel.symbol()] = records.words(
                self._modules[kernel.digest], records.text(kernel.symbol()), *handles
            )
        return self._functions[kernel.digest, kernel.symbol()]


class HostDriver:
    """The replacement for a CPU, which has no streams.

    Args:
      launch: the address of a function with the signature of `cuLaunchKernel`. A function's handle is the address of
        two words: the kernel's entry point for CPU, and its number of arguments.
      zero: the address of a function with the signature of `cuMemsetD8Async`.
    """

    name = "host"

    def __init__(self, launch: int, zero: int) -> None:
        self.record = records.words(launch, zero, 0, 0, 0, 0, 0, 0)
        self._functions: dict[str, int] = {}

    def function(self, kernel: Kernel, arguments: int) -> int:
        key = f"{kernel.digest} {kernel.symbol()}"
        if key not in self._functions:
            entry = records.words(kernel.host_entry(), arguments)
            self._functions[key] = records.words(0, records.text(kernel.name), *([entry] * records.MOST_DEVICES))
        return self._functions[key]


@functools.cache
def host_driver() -> HostDriver:
    """The replacement driver of this process. Imports Numba."""
    from . import host

    return HostDriver(host.launch().address, host.zero().address)
