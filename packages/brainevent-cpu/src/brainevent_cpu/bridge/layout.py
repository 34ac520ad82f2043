"""Byte offsets of the XLA FFI structures that a handler reads, on LP64 platforms.

The offsets are the same in every jaxlib from 0.5 on; a test derives them again from the headers that the installed
jaxlib ships. XLA only appends to these structures, so each is guarded by its `struct_size`.
"""

from __future__ import annotations

import sys
from typing import Final

# XLA_FFI_CallFrame
FRAME_EXTENSION: Final = 8
FRAME_API: Final = 16
FRAME_CONTEXT: Final = 24
FRAME_STAGE: Final = 32
FRAME_ARGS: Final = 40
FRAME_RETS: Final = 80
FRAME_ATTRS: Final = 120
FRAME_MIN_SIZE: Final = 168
STAGE_INITIALIZE: Final = 2
STAGE_EXECUTE: Final = 3

# XLA_FFI_Args, XLA_FFI_Rets
LIST_SIZE: Final = 16
LIST_ITEMS: Final = 32

# XLA_FFI_Attrs, sorted by name; XLA_FFI_Scalar; XLA_FFI_Array
ATTRS_SIZE: Final = 16
ATTRS_ITEMS: Final = 40
SCALAR_VALUE: Final = 8
ARRAY_SIZE: Final = 8
ARRAY_DATA: Final = 16

# XLA_FFI_Buffer
BUFFER_DTYPE: Final = 16
BUFFER_DATA: Final = 24
BUFFER_RANK: Final = 32
BUFFER_DIMS: Final = 40

# XLA_FFI_Extension_Base (XLA_FFI_InternalExtension from jaxlib 0.12 on), XLA_FFI_Metadata_Extension, XLA_FFI_Metadata
EXTENSION_TYPE: Final = 8
EXTENSION_NEXT: Final = 16
EXTENSION_METADATA: Final = 24
METADATA_TYPE: Final = 1
METADATA_MAJOR: Final = 24
METADATA_MINOR: Final = 28
METADATA_TRAITS: Final = 32
# The trait that calls may be recorded into a command buffer (a CUDA graph) and replayed.
COMMAND_BUFFER_COMPATIBLE: Final = 1
# The API version of the handlers. XLA accepts every version that it still supports, so the lowest one works with all.
API_MAJOR: Final = 0
API_MINOR: Final = 1

# XLA_FFI_Api: its table of functions
API_ERROR_CREATE: Final = 48
API_ERROR_DESTROY: Final = 64
API_STREAM_GET: Final = 80
API_POOL_SCHEDULE: Final = 136
API_POOL_NUM_THREADS: Final = 144
API_DEVICE_ORDINAL_GET: Final = 184
API_MIN_SIZE_ERRORS: Final = 72
API_MIN_SIZE_POOL: Final = 152
API_MIN_SIZE_DEVICE: Final = 192

# Arguments of those functions
ARGS_CONTEXT: Final = 16
ERROR_CREATE_MESSAGE: Final = 16
ERROR_CREATE_CODE: Final = 24
ERROR_CREATE_SIZE: Final = 28
ERROR_INTERNAL: Final = 13
ERROR_DESTROY_ERROR: Final = 16
ERROR_DESTROY_SIZE: Final = 24
SCHEDULE_TASK: Final = 24
SCHEDULE_DATA: Final = 32
SCHEDULE_SIZE: Final = 40
NUM_THREADS_OUT: Final = 24
NUM_THREADS_SIZE: Final = 32
STREAM_OUT: Final = 24
STREAM_SIZE: Final = 32
DEVICE_ORDINAL_OUT: Final = 24
DEVICE_ORDINAL_SIZE: Final = 28


def supported_platform() -> bool:
    """Whether pointers and `size_t` have 8 bytes, as the offsets above assume."""
    return sys.maxsize == 2**63 - 1
