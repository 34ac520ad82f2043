"""The definition of the primitive that encodes events."""

from typing import Any

from brainevent_core.encodings import Encoding

__all__ = ["encode_events"]


def encode_events(mask: Any, *, encoding: Encoding, length: int) -> Any:
    """The mask in an encoding, with ``length`` entries along the first axis."""
    assert encoding.encode is not None, encoding  # checked by the abstract evaluation rule
    return encoding.encode(mask, length)
