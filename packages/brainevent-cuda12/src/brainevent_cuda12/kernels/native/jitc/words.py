"""Core's functions of 32-bit words, written out as C++, so that they are defined once.

`brainevent_core.jitc` has them for anything with the operators of arrays. Here they get a `Word`, which notes what is
done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Word", "function"]


class Word:
    """An unsigned number of 32 bits in a C++ program that is being written: arithmetic adds a line to it.

    Args:
      lines: the program.
      text: the number's name there.
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
      results: their names; with none the function returns the only result.
      compute: of words, the result, or as many as have names.

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
