"""Translate core's functions of 32-bit words to C++, so that they are defined only once.

The functions of `brainevent_core.jitc` accept anything with the operators of arrays. Here they get `Word` objects,
which record the operations applied to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Word", "function"]


class Word:
    """An unsigned 32-bit number in a C++ program under construction: each operation appends a line.

    Args:
      lines: the lines of the program.
      text: the number's name in the program.
    """

    def __init__(self, lines: list[str], text: str) -> None:
        self._lines, self.text = lines, text

    def _with(self, operator: str, other: Any) -> Word:
        operand = other.text if isinstance(other, Word) else f"{int(other)}u"
        name = f"w{len(self._lines)}"
        self._lines.append(f"const unsigned {name} = {self.text} {operator} {operand};")
        return Word(self._lines, name)

    def __add__(self, other: Any) -> Word:
        return self._with("+", other)

    def __mul__(self, other: Any) -> Word:
        return self._with("*", other)

    def __xor__(self, other: Any) -> Word:
        return self._with("^", other)

    def __or__(self, other: Any) -> Word:
        return self._with("|", other)

    def __lshift__(self, other: Any) -> Word:
        return self._with("<<", other)

    def __rshift__(self, other: Any) -> Word:
        return self._with(">>", other)


def function(name: str, parameters: Sequence[str], results: Sequence[str], compute: Callable[..., Any]) -> str:
    """A C++ function of words: its parameters, then references to its results.

    Args:
      name: of the function.
      parameters: their names.
      results: their names; if empty, the function returns its single result.
      compute: a function of words that returns the result, or one result per name.

    Example:
      >>> print(function("twice", ["x"], [], lambda x: x + x))
          auto twice = [](unsigned x) -> unsigned {
              const unsigned w0 = x + x;
              return w0;
          };
    """
    lines: list[str] = []
    computed = compute(*(Word(lines, parameter) for parameter in parameters))
    if results:
        lines += [f"{result} = {word.text};" for result, word in zip(results, computed, strict=True)]
    else:
        lines.append(f"return {computed.text};")
    given = ", ".join([f"unsigned {one}" for one in parameters] + [f"unsigned& {one}" for one in results])
    body = "".join(f"        {line}\n" for line in lines)
    return f"    auto {name} = []({given}) -> {'void' if results else 'unsigned'} {{\n{body}    }};"
