"""The only place where physical units are stripped and attached again: primitives and kernels see plain arrays.

Quantities are ``brainunit.Quantity`` (pytrees: the mantissa is a leaf, the unit is static), so all of this happens
at trace time and costs nothing at run time.
"""

from typing import Any

import brainunit as u

__all__ = [
    "Quantity",
    "Unit",
    "attach",
    "attach_product",
    "attach_quotient",
    "detach",
    "mantissa_in",
    "unit_of",
]

Quantity = u.Quantity
Unit = u.Unit


def detach(value: Any) -> tuple[Any, Any]:
    """``(mantissa, unit)``; the unit is None for a plain value."""
    if isinstance(value, Quantity):
        return value.mantissa, value.unit
    return value, None


def unit_of(value: Any) -> Any:
    """The unit of a quantity, None of anything else."""
    return value.unit if isinstance(value, Quantity) else None


def mantissa_in(value: Any, unit: Any, what: str, whose: str) -> Any:
    """``value`` as a plain number of ``unit``; None is the unit of plain values.

    Args:
        value: an array or quantity.
        unit: the unit.
        what: the value in words, the subject of the message.
        whose: what has the unit, in words.

    Raises:
        UnitMismatchError: if the dimensions differ.
    """
    if unit is None and not isinstance(value, Quantity):
        return value
    quantity = value if isinstance(value, Quantity) else Quantity(value)
    try:
        return quantity.to_decimal(u.UNITLESS if unit is None else unit)
    except u.UnitMismatchError:
        given, wanted = ("without a unit" if one is None else f"in {one}" for one in (unit_of(value), unit))
        raise u.UnitMismatchError(
            f"{what} is given {given}, and {whose} {wanted}: both must be of one dimension. Give {what} "
            f"{'as a plain number' if unit is None else f'in {unit} or a unit like it'}."
        ) from None


def attach(mantissa: Any, unit: Any) -> Any:
    """The quantity, or the plain value if the unit is None."""
    return mantissa if unit is None else Quantity(mantissa, unit=unit)


def attach_product(mantissa: Any, unit: Any, other: Any) -> Any:
    """``mantissa`` in the product of two units; a plain array if they cancel."""
    if unit is None or other is None:
        return attach(mantissa, other if unit is None else unit)
    return u.maybe_decimal(Quantity(mantissa, unit=unit * other))


def attach_quotient(mantissa: Any, unit: Any, of: Any) -> Any:
    """``mantissa`` in the unit ``of / unit``, either None if there is none; a plain array if they cancel."""
    return attach_product(mantissa, None if unit is None else unit.reverse(), of)
