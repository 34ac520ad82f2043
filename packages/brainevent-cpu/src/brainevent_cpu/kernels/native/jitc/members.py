"""Ensembles: operands that have a row for each member, or one for all."""

from __future__ import annotations

from ....bridge.specialise import specialised

__all__ = ["of_member"]


@specialised(allocates=True)
def of_member(array, member):
    """The row of a member."""
    return array[member if array.shape[0] > 1 else 0]
