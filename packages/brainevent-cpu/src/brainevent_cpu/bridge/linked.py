"""A compiler for functions that only compiled ones call: they get no machine code of their own.

Numba generates machine code for every function. For functions that are linked into others, which are all except the
handler, this took a quarter of the compile time of a kernel.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["LinkedCompiler"]


class _LinkedLibrary(JITCodeLibrary):
    """The optimised code of a function and of its callees, for other libraries to link."""

    def _finalize_final_module(self) -> None:
        # Not added to the engine, which would generate machine code.
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0  # there is none, as for a function without a wrapper for Python

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironments(self._codegen)


class _WithoutEnvironments:
    """A code generator that sets no environments, which are part of machine code and only serve Python objects."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        pass


class LinkedCompiler(Compiler):
    """Numba's compiler, for functions that only compiled ones call."""

    def define_pipelines(self) -> Any:
        if self.state.library is None:
            self.state.library = _LinkedLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()
