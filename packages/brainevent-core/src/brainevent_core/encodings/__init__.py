"""Encodings as objects, which define the meaning of the array that a matrix is multiplied by: numbers or events."""

from brainevent_core.encodings.bitpacked import BITPACKED, WORD_BITS
from brainevent_core.encodings.compact import COMPACT
from brainevent_core.encodings.encoding import Encoding
from brainevent_core.encodings.plain import BINARY, FLOAT, PLAIN, SPARSE_FLOAT, is_event
from brainevent_core.encodings.registry import ENCODINGS, get_encoding, register_encoding, unregister_encoding

for _encoding in (FLOAT, SPARSE_FLOAT, BINARY, BITPACKED, COMPACT):
    register_encoding(_encoding)

__all__ = [
    "BINARY",
    "BITPACKED",
    "COMPACT",
    "ENCODINGS",
    "FLOAT",
    "PLAIN",
    "SPARSE_FLOAT",
    "WORD_BITS",
    "Encoding",
    "get_encoding",
    "is_event",
    "register_encoding",
    "unregister_encoding",
]
