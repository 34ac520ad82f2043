"""The meaning of the primitive that encodes events."""

from typing import Any

from brainevent_core.formats import get_operand

__all__ = ["encode_events"]


def encode_events(mask: Any, *, operand: str, length: int) -> Any:
    """The mask in an encoding, which has so many entries along the first axis."""
    encode = get_operand(operand).encode
    assert encode is not None, operand  # seen by the abstract evaluation rule
    return encode(mask, length)
