"""Handlers called without XLA, for tests: a call frame over NumPy arrays, with a thread pool that a test controls."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import jax
import numpy as np

from .bridge import layout
from .bridge.call import handler_of

__all__ = ["ORDERS", "CallFrame", "Pool", "PretendedClient", "run_task"]

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)

ERROR = 1234
"""Stands for the address of an `XLA_FFI_Error`."""


class CallFrame:
    """What XLA passes to a handler, laid out over NumPy arrays.

    Args:
      inputs: C-contiguous arrays; the frame keeps them alive.
      outputs: likewise; one that is also an input is aliased to it.
      attributes: scalars and vectors, in the order of their names.
      threads: the size that the pool claims to have.
      stream: the stream of the call; None if there is none, as on CPU.
      device: the ordinal of its device.

    Attributes:
      errors: messages of the errors that the handler created.
      destroyed: addresses of the errors that it destroyed.
      tasks: the (task, data) pairs that it scheduled, unless `schedule` is replaced.
      schedule: called with (task, data) for each task; its result is the address of an error, or 0.
      words: the frame itself.
      api: the table of functions.
    """

    def __init__(
        self,
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        attributes: Sequence[np.generic | np.ndarray] = (),
        threads: int = 1,
        stream: int | None = None,
        device: int = 0,
    ) -> None:
        self._alive: list[Any] = [*inputs, *outputs]
        self.errors: list[str] = []
        self.destroyed: list[int] = []
        self.tasks: list[tuple[int, int]] = []
        self.schedule: Callable[[int, int], int] = self._keep_task
        self.threads = threads
        self.stream, self.device = stream, device
        self.api = np.zeros(layout.API_MIN_SIZE_DEVICE // 8, np.int64)
        self.api[0] = self.api.nbytes
        for offset, function in (
            (layout.API_ERROR_CREATE, self._create_error),
            (layout.API_ERROR_DESTROY, self._destroy_error),
            (layout.API_POOL_SCHEDULE, self._schedule),
            (layout.API_POOL_NUM_THREADS, self._num_threads),
            (layout.API_STREAM_GET, self._get_stream),
            (layout.API_DEVICE_ORDINAL_GET, self._get_device),
        ):
            pointer = _FUNCTION(function)
            self._alive.append(pointer)
            self.api[offset // 8] = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        self.words = np.zeros(layout.FRAME_MIN_SIZE // 8, np.int64)
        self.words[0] = layout.FRAME_MIN_SIZE
        self.words[layout.FRAME_API // 8] = self.api.ctypes.data
        self.words[layout.FRAME_STAGE // 8] = layout.STAGE_EXECUTE
        for field, arrays in ((layout.FRAME_ARGS, inputs), (layout.FRAME_RETS, outputs)):
            buffers = self._keep([self._buffer(array) for array in arrays])
            self.words[(field + layout.LIST_SIZE) // 8] = len(arrays)
            self.words[(field + layout.LIST_ITEMS) // 8] = buffers
        scalars = self._keep([self._attribute(value) for value in attributes])
        self.words[(layout.FRAME_ATTRS + layout.ATTRS_SIZE) // 8] = len(attributes)
        self.words[(layout.FRAME_ATTRS + layout.ATTRS_ITEMS) // 8] = scalars

    def call(self, handler: Any) -> int:
        """Run the handler; the address of the error it returns, or 0."""
        return int(handler.ctypes(self.words.ctypes.data))

    def _keep(self, words: Sequence[int]) -> int:
        array = np.array([*words, 0], np.int64)
        self._alive.append(array)
        return int(array.ctypes.data)

    def _keep_task(self, task: int, data: int) -> int:
        self.tasks.append((task, data))
        return 0

    def _buffer(self, array: np.ndarray) -> int:
        words = [0] * 6
        words[layout.BUFFER_DATA // 8] = array.__array_interface__["data"][0]  # .ctypes invents one for empty arrays
        words[layout.BUFFER_RANK // 8] = array.ndim
        words[layout.BUFFER_DIMS // 8] = self._keep(array.shape)
        return self._keep(words)

    def _attribute(self, value: np.generic | np.ndarray) -> int:
        number = np.array(value)
        self._alive.append(number)
        data = int(number.ctypes.data)
        return self._keep([0, number.size, data] if number.ndim else [0, data])

    def _create_error(self, arguments: int) -> int:
        message = ctypes.c_int64.from_address(arguments + layout.ERROR_CREATE_MESSAGE).value
        self.errors.append(ctypes.string_at(message).decode())
        return ERROR

    def _destroy_error(self, arguments: int) -> int:
        self.destroyed.append(ctypes.c_int64.from_address(arguments + layout.ERROR_DESTROY_ERROR).value)
        return 0

    def _schedule(self, arguments: int) -> int:
        task = ctypes.c_int64.from_address(arguments + layout.SCHEDULE_TASK).value
        return self.schedule(task, ctypes.c_int64.from_address(arguments + layout.SCHEDULE_DATA).value)

    def _get_stream(self, arguments: int) -> int:
        if self.stream is None:
            return ERROR
        ctypes.c_int64.from_address(arguments + layout.STREAM_OUT).value = self.stream
        return 0

    def _get_device(self, arguments: int) -> int:
        ctypes.c_int32.from_address(arguments + layout.DEVICE_ORDINAL_OUT).value = self.device
        return 0

    def _num_threads(self, arguments: int) -> int:
        address = ctypes.c_int64.from_address(arguments + layout.NUM_THREADS_OUT).value
        ctypes.c_int64.from_address(address).value = self.threads
        return 0


#: When the tasks of a simulated pool run, see `Pool`.
ORDERS = ("in order", "late", "reversed", "at once")


class Pool:
    """A simulated thread pool for a frame. All tasks run on the caller's thread, unless the order is "at once".

    Args:
      frame: the frame whose tasks it runs.
      order: "in order", each before the call that queues it returns; "late", when the caller has ended (see `finish`);
        "reversed", two at a time, the later one first; "at once", each in its own thread.

    Attributes:
      started: how many tasks were queued.
    """

    def __init__(self, frame: CallFrame, order: str) -> None:
        if order not in ORDERS:
            raise ValueError(f"Tasks run {', '.join(map(repr, ORDERS))}; got {order!r}.")
        self.started = 0
        self._order = order
        self._waiting: list[tuple[int, int]] = []
        self._threads: list[threading.Thread] = []
        frame.schedule = self._schedule

    def _schedule(self, task: int, data: int) -> int:
        self.started += 1
        if self._order == "in order":
            return run_task(task, data)
        if self._order == "at once":
            self._threads.append(threading.Thread(target=run_task, args=(task, data)))
            self._threads[-1].start()
            return 0
        self._waiting.append((task, data))
        if self._order == "reversed" and len(self._waiting) == 2:
            self._run_waiting()
        return 0

    def _run_waiting(self) -> None:
        while self._waiting:
            run_task(*self._waiting.pop())

    def finish(self) -> None:
        """Run the remaining tasks, after the call."""
        self._run_waiting()
        for thread in self._threads:
            thread.join()


class PretendedClient:
    """Calls kernels in place of XLA, in programs that are traced in its `with` block.

    Changes of `threads` and `order` take effect with the next run of a program.

    Attributes:
      threads: the size that its pool claims to have.
      order: the order of the tasks, see `Pool`.
      calls: the target and the frame of each kernel call since `started` was last called.
      pools: the pool of each of these calls.
    """

    def __init__(self) -> None:
        self.threads = 1
        self.order = ORDERS[0]
        self.calls: list[tuple[str, CallFrame]] = []
        self.pools: list[Pool] = []
        self._patch = mock.patch.object(jax.ffi, "ffi_call", self._call_of)

    def started(self) -> int:
        """How many tasks were queued since the last call of `started`; forgets the calls so far."""
        count = sum(pool.started for pool in self.pools)
        self.pools.clear()
        self.calls.clear()
        return count

    def __enter__(self) -> PretendedClient:
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    def _call_of(
        self, target: str, outs: Sequence[Any], *, input_output_aliases: dict[int, int], vmap_method: str
    ) -> Callable[..., Any]:
        def call(*arrays: Any, **attributes: np.generic) -> Any:
            scalars = [value for _, value in sorted(attributes.items())]
            ranks = [array.ndim for array in arrays]

            def run(*arrays: Any) -> list[np.ndarray]:
                # Under vmap, all arrays have the same number of leading axes, of size 1 if they aren't mapped.
                front = np.broadcast_shapes(*(array.shape[: array.ndim - rank] for array, rank in zip(arrays, ranks)))
                inputs = [np.array(array, order="C") for array in arrays]
                outputs = [np.empty((*front, *out.shape), out.dtype) for out in outs]
                for source, out in input_output_aliases.items():
                    outputs[out] = inputs[source]
                self._run(target, inputs, outputs, scalars)
                return outputs

            return jax.pure_callback(run, list(outs), *arrays, vmap_method=vmap_method)

        return call

    def _run(
        self, target: str, inputs: list[np.ndarray], outputs: list[np.ndarray], scalars: Sequence[np.generic]
    ) -> None:
        frame = CallFrame(inputs, outputs, scalars, threads=self.threads)
        pool = Pool(frame, self.order)
        self.pools.append(pool)
        self.calls.append((target, frame))
        error = frame.call(handler_of(target))
        pool.finish()
        if error:
            raise RuntimeError(frame.errors[-1])


def run_task(task: int, data: int) -> int:
    """Run a scheduled task; can be used as `schedule`."""
    return int(_FUNCTION(task)(data)) * 0
