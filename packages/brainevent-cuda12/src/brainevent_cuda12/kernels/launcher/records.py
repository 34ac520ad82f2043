"""Plans in memory, as the words of 8 bytes that the handler reads, and the table in which it finds them by key.

Nothing is ever freed, because XLA may run a program until the process ends.
"""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .plan import Plan, Pointer, Zero

if TYPE_CHECKING:
    from .drivers import Driver

__all__ = ["MOST_DEVICES", "PLANS", "SYMBOL", "enter", "known_plans", "plan_of", "words"]

#: The maximum number of devices of one process.
MOST_DEVICES: Final = 64

# A plan: addresses of its name and its driver's record; numbers and addresses of its buffers and operations.
PLAN_NAME: Final = 0
PLAN_DRIVER: Final = 8
PLAN_INPUTS: Final = 16
PLAN_OUTPUTS: Final = 24
PLAN_SIZES: Final = 32
PLAN_BUFFERS: Final = 40
PLAN_OPERATIONS_COUNT: Final = 48
PLAN_OPERATIONS: Final = 56

BUFFER_ITEMSIZE: Final = 0
BUFFER_RANK: Final = 8
BUFFER_BYTES: Final = 16

# An operation: its kind, then the buffer to zero, or the fields of a launch.
OPERATION_KIND: Final = 0
ZERO: Final = 1
LAUNCH: Final = 2
ZERO_BUFFER: Final = 8
LAUNCH_FUNCTION: Final = 8
LAUNCH_THREADS: Final = 16
LAUNCH_BLOCK: Final = 24
LAUNCH_ARGUMENTS_COUNT: Final = 32
LAUNCH_ARGUMENTS: Final = 40
OPERATION_BYTES: Final = 48

# An argument: its kind, then the position of its buffer or size.
POINTER: Final = 1
SIZE: Final = 2
ARGUMENT_BYTES: Final = 16

# A function: its module's record (0 if it needs no loading), its symbol, and its handle on each device.
FUNCTION_MODULE: Final = 0
FUNCTION_SYMBOL: Final = 8
FUNCTION_HANDLES: Final = 16

# A module: its image for each device, and its handle there.
MODULE_IMAGES: Final = 0
MODULE_HANDLES: Final = 8 * MOST_DEVICES

# A driver: the addresses of its functions, which have the CUDA driver's interface, and whether it has streams.
DRIVER_LAUNCH: Final = 0
DRIVER_MEMSET: Final = 8
DRIVER_LOAD: Final = 16
DRIVER_FUNCTION: Final = 24
DRIVER_CONTEXT: Final = 32
DRIVER_PUSH: Final = 40
DRIVER_POP: Final = 48
DRIVER_HAS_STREAMS: Final = 56

# A table: its number of slots minus one, then the slots: a key (0 if the slot is empty) and the address of its plan.
TABLE_MASK: Final = 0
TABLE_SLOTS: Final = 8
SLOT_BYTES: Final = 16

#: The symbol by which the handler finds `PLANS`. Each of the two CUDA packages has a copy of this module.
SYMBOL = f"{__package__.partition('.')[0]}_plans" if __package__ else "brainevent_plans"

#: The address of the table.
PLANS = ctypes.c_int64(0)

_lock = threading.Lock()
_alive: list[Any] = []
_plans: dict[int, Plan] = {}
_entered: dict[int, int] = {}  # the addresses of plans, by key
_table = np.zeros(1, np.int64)  # its address is in `PLANS` once there is a plan


def words(*numbers: int) -> int:
    """Store these words permanently, followed by a 0, and return their address."""
    array = np.array([*numbers, 0], np.int64)
    _alive.append(array)
    return int(array.ctypes.data)


def text(string: str) -> int:
    """Store a C string permanently and return its address."""
    _alive.append(ctypes.create_string_buffer(string.encode()))
    return ctypes.addressof(_alive[-1])


def data(content: bytes) -> int:
    """Store bytes permanently, aligned to 16 bytes, and return their address."""
    buffer = np.zeros(len(content) // 16 + 2, "V16")
    start = -buffer.ctypes.data % 16
    address = int(buffer.ctypes.data) + start
    ctypes.memmove(address, content, len(content))
    _alive.append(buffer)
    return address


def enter(plan: Plan, driver: Driver) -> int:
    """Register a plan for the handler, unless it is registered already, and return its key."""
    key = plan.key(driver.name)
    with _lock:
        if key not in _entered:
            _plans[key] = plan
            _entered[key] = _record(plan, driver)
            _insert(key)
    return key


def plan_of(key: int) -> Plan:
    """The plan with this key, which is the attribute `plan` of a call in a program."""
    return _plans[key]


def known_plans() -> list[Plan]:
    """All plans that were registered in this process."""
    return list(_plans.values())


def _record(plan: Plan, driver: Driver) -> int:
    operations: list[int] = []
    for operation in plan.operations:
        if isinstance(operation, Zero):
            operations += [ZERO, operation.buffer, 0, 0, 0, 0]
            continue
        arguments: list[int] = []
        for argument in operation.arguments:
            arguments += [POINTER, argument.buffer] if isinstance(argument, Pointer) else [SIZE, argument.position]
        function = driver.function(operation.kernel, len(operation.arguments))
        operations += [LAUNCH, function, operation.threads, operation.block, len(arguments) // 2, words(*arguments)]
    buffers = [number for buffer in (*plan.inputs, *plan.outputs) for number in (buffer.itemsize, buffer.rank)]
    return words(
        text(plan.name),
        driver.record,
        len(plan.inputs),
        len(plan.outputs),
        plan.sizes,
        words(*buffers),
        len(plan.operations),
        words(*operations),
    )


def _insert(key: int) -> None:
    """Insert a plan into the table. A handler can look up other plans at the same time."""
    global _table
    if 2 * len(_entered) > _slots():
        slots = 4 * max(_slots(), 16)
        _table = np.zeros(1 + 2 * slots, np.int64)
        _table[0] = slots - 1
        _alive.append(_table)
        for known in _entered:
            _put(known)
        # A single word is replaced, so readers use either the old table or the new one, and both stay valid.
        PLANS.value = _table.ctypes.data
    else:
        _put(key)


def _slots() -> int:
    return (_table.size - 1) // 2


def _put(key: int) -> None:
    mask = _slots() - 1
    slot = key & mask
    while _table[1 + 2 * slot]:
        slot = (slot + 1) & mask
    _table[2 + 2 * slot] = _entered[key]
    _table[1 + 2 * slot] = key  # last, because it marks the slot as used
