"""Handlers called without XLA, for tests: a call frame over NumPy arrays, with a thread pool that a test controls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .bridge import layout

__all__ = ["CallFrame", "run_task"]

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)

ERROR = 1234
"""Stands for the address of an `XLA_FFI_Error`."""


class CallFrame:
    """What XLA passes to a handler, laid out over NumPy arrays.

    Args:
      inputs: C-contiguous arrays; the frame keeps them alive.
      outputs: likewise; one that is also an input is aliased to it.
      attributes: scalars, in the order of their names.
      threads: the size that the pool claims to have.

    Attributes:
      errors: messages of the errors that the handler created.
      destroyed: addresses of the errors that it destroyed.
      tasks: (task, data) of what it scheduled, unless `schedule` is replaced.
      schedule: called with (task, data) for each task; its result is the address of an error, or 0.
      words: the frame itself.
      api: the table of functions.
    """

    def __init__(
        self,
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        attributes: Sequence[np.generic] = (),
        threads: int = 1,
    ) -> None:
        self._alive: list[Any] = [*inputs, *outputs]
        self.errors: list[str] = []
        self.destroyed: list[int] = []
        self.tasks: list[tuple[int, int]] = []
        self.schedule: Callable[[int, int], int] = self._keep_task
        self.threads = threads
        self.api = np.zeros(24, np.int64)
        self.api[0] = self.api.nbytes
        for offset, function in (
            (layout.API_ERROR_CREATE, self._create_error),
            (layout.API_ERROR_DESTROY, self._destroy_error),
            (layout.API_POOL_SCHEDULE, self._schedule),
            (layout.API_POOL_NUM_THREADS, self._num_threads),
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
        scalars = self._keep([self._scalar(value) for value in attributes])
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

    def _scalar(self, value: np.generic) -> int:
        number = np.array(value)
        self._alive.append(number)
        return self._keep([0, int(number.ctypes.data)])

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

    def _num_threads(self, arguments: int) -> int:
        address = ctypes.c_int64.from_address(arguments + layout.NUM_THREADS_OUT).value
        ctypes.c_int64.from_address(address).value = self.threads
        return 0


def run_task(task: int, data: int) -> int:
    """Run a scheduled task; a `schedule` of its own."""
    return int(_FUNCTION(task)(data)) * 0
