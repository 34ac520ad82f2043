"""The rules of a primitive, in one frozen object, and the checks when a rule is declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from brainevent_core.errors import RegistrationError
from brainevent_core.primitive.signatures import keyword_only, mismatch

__all__ = ["RESERVED", "Rules", "require_free_names"]

#: Reserved names of static parameters, and what each is used for.
RESERVED = {
    "backend": "a call names its backend by it",
    "outs": "a call gives the shapes of its outputs by it, and generators of kernels get it",
    "batch": "kernels with batched=True get the mapped axes by it",
    "after": "kernels with in_place=True get by it the prior uses of their operands",
    "_vmap_axes": "the primitive carries its mapped axes by it",
    "_request": "the primitive carries the backend asked for by it",
    **dict.fromkeys(
        ("self", "prim", "primitive", "ctx", "axis_data", "effects", "inline"),
        "JAX passes something of its own to the functions that get the parameters of a primitive",
    ),
}


@dataclass(frozen=True)
class Rules:
    """The rules of a primitive. All rules get operands *without* the axes of ``vmap``.

    Attributes:
        abstract_eval: ``(*avals, **static)`` → the outputs' shapes and dtypes.
        reference: ``(*arrays, **static)`` → the outputs.
        jvp: ``(primals, tangents, **static)`` → the outputs and their tangents.
        operand_jvps: instead of ``jvp``, for each operand ``(tangent, *primals, **static)`` → its contribution to the
            tangents; None if there is no derivative, ``...`` for any number of Nones.
        transpose: ``(cotangents, *operands, **static)`` → the cotangents of the operands.
        batching: ``(size, operands, axes, **static)`` → the outputs and their axes, or NotImplemented.
        sharding: ``(specs, *avals, **static)`` → the outputs' partition specs, see :mod:`.sharding`.
    """

    abstract_eval: Callable[..., Any] | None = None
    reference: Callable[..., Any] | None = None
    jvp: Callable[..., Any] | None = None
    operand_jvps: tuple[Any, ...] = ()
    transpose: Callable[..., Any] | None = None
    batching: Callable[..., Any] | None = None
    sharding: Callable[..., Any] | None = None

    def declare(self, primitive: str, **rules: Any) -> Rules:
        """A copy with some rules replaced.

        Raises:
            RegistrationError: if two rules can't be called with the same operands and static parameters, or a static
                parameter has a reserved name.
        """
        new = replace(self, **rules)
        for label, rule, leading, caller in new._all():
            # Without an abstract evaluation rule, all others get the call's argument `outs`.
            given = set() if rule is new.abstract_eval else {"outs"}
            require_free_names(primitive, f"The {label} of", keyword_only(rule) - given)
            _require_fit(primitive, label, rule, leading, caller)
        return new

    def require_fit(self, primitive: str, label: str, fn: Callable[..., Any], injected: Collection[str] = ()) -> None:
        """Check that a kernel can be called with operands, static parameters, and the ``injected`` keywords.

        Raises:
            RegistrationError: if arguments differ from those of the abstract evaluation rule, or a name is reserved.
        """
        require_free_names(primitive, f"The {label} of", keyword_only(fn) - {*injected, "outs"})
        _require_fit(primitive, label, fn, 0, self.abstract_eval, injected)

    def outputs(self, primitive: str, avals: Sequence[Any], static: dict[str, Any]) -> Any:
        """The outputs of a call: shape and dtype of the output, or a sequence of them."""
        if self.abstract_eval is not None:
            return self.abstract_eval(*avals, **static)
        if "outs" in static:
            return static["outs"]
        raise RegistrationError(f"{primitive!r} has no abstract evaluation rule: call it with outs=, or declare one.")

    def tangent_rules(self, operands: int) -> list[Any]:
        """``operand_jvps``, expanded to the given number of operands."""
        rules = list(self.operand_jvps)
        if ... in rules:
            gap = rules.index(...)
            rules[gap : gap + 1] = [None] * (operands - len(rules) + 1)
        return rules + [None] * (operands - len(rules))

    def _all(self) -> Iterator[tuple[str, Callable[..., Any], int, Callable[..., Any] | None]]:
        """The declared rules: for each its label, the rule, the number of arguments before the operands, and a function
        that is called in the same way."""
        operands = self.abstract_eval
        for label, rule, leading, caller in (
            ("abstract evaluation rule", self.abstract_eval, 0, None),
            ("reference", self.reference, 0, operands),
            *(("derivative", rule, 1, operands) for rule in self.operand_jvps if rule is not ...),
            ("derivative", self.jvp, 0, _jvp_call),
            ("transpose rule", self.transpose, 1, operands),
            ("batching rule", self.batching, 0, _batching_call),
            ("sharding rule", self.sharding, 1, operands),
        ):
            if rule is not None:
                yield label, rule, leading, caller


def _jvp_call(primals: Any, tangents: Any, **static: Any) -> None: ...


def _batching_call(size: Any, operands: Any, axes: Any, **static: Any) -> None: ...


def require_free_names(primitive: str, who: str, static: Collection[str]) -> None:
    """Check that no static parameter has a reserved name.

    Raises:
        RegistrationError: if one has.
    """
    taken = sorted(RESERVED.keys() & static)
    if taken:
        reasons = "; ".join(f"{name!r}: {RESERVED[name]}" for name in taken)
        raise RegistrationError(
            f"{who} {primitive!r} has a static parameter with a reserved name, {reasons}. Choose another. "
            f"Reserved are {', '.join(RESERVED)}."
        )


def _require_fit(
    primitive: str,
    label: str,
    rule: Callable[..., Any],
    leading: int,
    caller: Callable[..., Any] | None,
    injected: Collection[str] = (),
) -> None:
    """Check that a rule can be called like ``caller``, after ``leading`` other arguments.

    Raises:
        RegistrationError: if it can't; shows both signatures.
    """
    reason = caller and mismatch(rule, leading, caller, injected)
    if caller and reason:
        expected = f"({', '.join(['...'] * leading + [str(inspect.signature(caller))[1:-1]])})"
        raise RegistrationError(
            f"The {label} of {primitive!r} takes {inspect.signature(rule)}, which does not fit {expected}: "
            f"{reason}. Operands come by position, static parameters by name, to all rules alike."
        )
