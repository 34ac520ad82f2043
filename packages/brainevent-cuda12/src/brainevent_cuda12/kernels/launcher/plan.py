"""The definition of plans. Imports neither Numba nor Warp."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Protocol

__all__ = ["MOST_ARGUMENTS", "Buffer", "Kernel", "Launch", "Plan", "Pointer", "Size", "Zero"]

#: The maximum number of arguments of a kernel, which the handler keeps on its stack.
MOST_ARGUMENTS = 24


class Kernel(Protocol):
    """Machine code with an entry point, in the form that a driver needs.

    A kernel's parameters are Warp's launch bounds, then words of 8 bytes, which are pointers and sizes. It gets no
    strides and shapes of arrays, so it doesn't depend on Warp's array layout.

    Attributes:
      name: for messages and profiles.
      digest: a hash of what determines the machine code.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def host_entry(self) -> int:
        """The address of `void entry(launch bounds*, words*)`, which runs all threads on the CPU."""
        ...

    def image(self, architecture: int) -> bytes:
        """A cubin that contains the kernel, for an architecture such as 90."""
        ...

    def symbol(self) -> str:
        """The kernel's name in its images."""
        ...


@dataclasses.dataclass(frozen=True)
class Pointer:
    """An argument: the address of a buffer. Inputs are counted first, then outputs."""

    buffer: int


@dataclasses.dataclass(frozen=True)
class Size:
    """An argument: the number at a position in `sizes` of the call."""

    position: int


@dataclasses.dataclass(frozen=True)
class Zero:
    """An operation: fill a buffer with zeros."""

    buffer: int


@dataclasses.dataclass(frozen=True)
class Launch:
    """An operation: launch a kernel.

    Attributes:
      kernel: the kernel to launch.
      threads: the position in `sizes` of the number of threads, which is rounded up to whole blocks.
      block: threads per block.
      arguments: the arguments after the launch bounds.
    """

    kernel: Kernel
    threads: int
    block: int
    arguments: tuple[Pointer | Size, ...]


@dataclasses.dataclass(frozen=True)
class Buffer:
    """An array of a call, as its kernels see it; under `vmap` the call's array has additional leading axes.

    Attributes:
      itemsize: bytes per element.
      rank: its number of axes.
    """

    itemsize: int
    rank: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """The operations of a call, in order, on one stream. Nothing in it depends on the sizes of arrays.

    Attributes:
      name: for messages.
      inputs: of the call.
      outputs: of the call, at least one; the first has all axes that `vmap` adds.
      sizes: the number of sizes in a call.
      operations: the operations.

    Raises:
      ValueError: if there are no outputs, an operation refers to a buffer or size that doesn't exist, a kernel has more
        than `MOST_ARGUMENTS` arguments, or a block doesn't have 1 to 1024 threads.
    """

    name: str
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    sizes: int
    operations: tuple[Zero | Launch, ...]

    def __post_init__(self) -> None:
        if not self.outputs:
            raise ValueError(f"The plan {self.name!r} has no outputs.")
        for operation in self.operations:
            self._check(operation)

    def _check(self, operation: Zero | Launch) -> None:
        buffers = [operation.buffer] if isinstance(operation, Zero) else []
        sizes = []
        if isinstance(operation, Launch):
            if len(operation.arguments) > MOST_ARGUMENTS:
                raise ValueError(
                    f"{operation.kernel.name} has {len(operation.arguments)} arguments, at most {MOST_ARGUMENTS} "
                    "are possible."
                )
            if not 1 <= operation.block <= 1024:
                raise ValueError(f"A block of {operation.kernel.name} has {operation.block} threads, of 1 to 1024.")
            sizes = [operation.threads, *(a.position for a in operation.arguments if isinstance(a, Size))]
            buffers = [a.buffer for a in operation.arguments if isinstance(a, Pointer)]
        for what, given, number in (
            ("buffer", buffers, len(self.inputs) + len(self.outputs)),
            ("size", sizes, self.sizes),
        ):
            wrong = [position for position in given if not 0 <= position < number]
            if wrong:
                raise ValueError(f"The plan {self.name!r} has {number} of a {what}, and refers to number {wrong[0]}.")

    def key(self, driver: str) -> int:
        """A 64-bit hash of the plan's contents and the driver's name: the same in every process, and never 0."""
        operations: list[tuple[Any, ...]] = []
        for operation in self.operations:
            if isinstance(operation, Zero):
                operations.append(("zero", operation.buffer))
                continue
            code = operation.kernel.name, operation.kernel.digest
            arguments = [(type(one).__name__, *dataclasses.astuple(one)) for one in operation.arguments]
            operations.append(("launch", *code, operation.threads, operation.block, *arguments))
        buffers = [[dataclasses.astuple(buffer) for buffer in several] for several in (self.inputs, self.outputs)]
        said = repr((driver, self.name, buffers, self.sizes, operations)).encode()
        return int.from_bytes(hashlib.sha256(said).digest()[:8], "little", signed=True) or 1
