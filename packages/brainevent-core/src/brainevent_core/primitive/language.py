"""The common parts of kernel languages: declaration of outputs, error messages, and ``vmap``."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from brainevent_core.primitive.identity import identity
from brainevent_core.primitive.vmap_axes import sequential_map

__all__ = ["LanguageKernel", "abstract"]


class LanguageKernel(ABC):
    """A kernel in some language, as an operation on JAX arrays: ``kernel(*arrays, outs=None)``.

    A language derives from this class, defines its :attr:`language`, and implements :meth:`apply`. Its users call
    :meth:`make`.

    Args:
        fn: the body, ``fn(*inputs, *outputs)``.
        outs: shape and dtype of the output, a sequence of them, or a function of the inputs that returns these.
        vmap_method: one of :attr:`vmap_methods`; with None, ``vmap`` raises an error.
        input_output_aliases: inputs whose memory is used for an output, ``{input: output}``.
        name: for error messages and profiles; by default that of the function.

    Raises:
        TypeError: if ``fn`` can't be called.
        ValueError: if there is no such ``vmap_method``.
    """

    #: The name by which users access the language, as in ``brainevent.numba_kernel``.
    language: ClassVar[str]

    #: The platforms it compiles for, of which the first is the default; if empty, those of its backend.
    platforms: ClassVar[tuple[str, ...]] = ()

    #: Whether compiled kernels outlive the process, so that ``jax.export`` supports them. Foreign calls don't.
    exportable: ClassVar[bool] = False

    #: The platforms on which XLA can't partition its kernels over several devices.
    unpartitionable: ClassVar[tuple[str, ...]] = ()

    #: The values of ``vmap_method`` besides None.
    vmap_methods: ClassVar[tuple[str, ...]] = ("sequential", "expand_dims", "broadcast_all")

    #: Distinguishes kernels from their generators.
    is_kernel = True

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        outs: Any = None,
        vmap_method: str | None = "sequential",
        input_output_aliases: Mapping[int, int] | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"{self.language} takes a function of the inputs and outputs, got {type(fn).__name__}.")
        functools.update_wrapper(self, fn)
        self.name = name or str(getattr(fn, "__name__", type(fn).__name__))
        self.fn, self.aliases = fn, dict(input_output_aliases or {})
        self.outs, self._vmap_method = outs, vmap_method
        self.options: dict[str, Any] | None = None  # those of :meth:`make`, without ``outs``

    @classmethod
    def make(cls, fn: Callable[..., Any] | None, **options: Any) -> Any:
        """The kernel of ``fn``; without ``fn``, a decorator that creates one. The options are those of the class."""
        method = options.get("vmap_method")
        if method is not None and method not in cls.vmap_methods:
            raise ValueError(f"vmap_method must be None or one of {cls.vmap_methods}, got {method!r}.")

        def make(fn: Callable[..., Any]) -> LanguageKernel:
            kernel = cls(fn, **options)
            kernel.options = {name: value for name, value in options.items() if name != "outs"}
            return kernel

        return make if fn is None else make(fn)

    @classmethod
    def parts(cls, value: Any) -> Any:
        """The parts of an object of the language, such as the original function of a compiled function.

        :meth:`identity` compares two such objects by their parts. None for any other object.
        """
        return None

    def identity(self) -> Any:
        """A hashable key. Kernels with equal keys differ at most in their ``outs``, and any of them can be called."""
        made_by = self if self.options is None else self.options
        return type(self), identity((self.fn, made_by), self.parts)

    @abstractmethod
    def apply(self, inputs: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]) -> Sequence[Any]:
        """The outputs for these inputs; traceable, and called without mapped axes."""

    def __repr__(self) -> str:
        return f"{self.language}({self.name})"

    def __call__(self, *arrays: Any, outs: Any = None) -> Any:
        """Call the kernel; ``outs`` as for the class."""
        inputs = [jnp.asarray(array) for array in arrays]
        given = self.outs if outs is None else outs
        if callable(given) and not isinstance(given, jax.ShapeDtypeStruct):
            given = given(*abstract(inputs))
        if given is None:
            raise TypeError(f"{self!r} needs the shape and dtype of what it writes: outs=jax.ShapeDtypeStruct(...).")
        single = not isinstance(given, Sequence)
        results = self.batch([self._as_out(out) for out in ([given] if single else given)])(*inputs)
        return results[0] if single else list(results)

    def batch(self, outs: Sequence[jax.ShapeDtypeStruct]) -> Callable[..., Any]:
        """The operation on arrays for outputs of these shapes, with ``vmap_method``."""

        @jax.custom_batching.custom_vmap
        def call(*arrays: Any) -> Any:
            return tuple(self.apply(arrays, outs))

        @call.def_vmap
        def batched(size: int, mapped: Sequence[bool], *arrays: Any) -> Any:
            if self._vmap_method is None:
                raise NotImplementedError(f"{self!r} has no vmap: make it with vmap_method={self.vmap_methods[0]!r}.")
            if self._vmap_method == "sequential":
                results = sequential_map(call, mapped, arrays)
            else:
                results = self.together(size, mapped, arrays, outs)
            return tuple(results), (True,) * len(outs)

        return call

    def together(
        self, size: int, mapped: Sequence[bool], arrays: Sequence[Any], outs: Sequence[jax.ShapeDtypeStruct]
    ) -> Sequence[Any]:
        """The outputs of a whole batch in one call. Mapped arrays have the batch axis first, and so must the outputs.

        For "expand_dims" and "broadcast_all".
        """
        in_front = 1 if self._vmap_method == "expand_dims" else size
        wider = [
            array if is_mapped else jnp.broadcast_to(array, (in_front, *array.shape))
            for array, is_mapped in zip(arrays, mapped)
        ]
        return self.batch([jax.ShapeDtypeStruct((size, *out.shape), out.dtype) for out in outs])(*wider)

    def parameters(self, fn: Callable[..., Any], inputs: int, outs: int, further: int = 0) -> list[str]:
        """The names of the body's parameters.

        Raises:
            TypeError: if their number isn't that of inputs, outputs and, with ``further``, other references.
        """
        count = inputs + outs + further
        try:
            bound = inspect.signature(fn).bind(*range(count))
        except TypeError:
            more = f" and {further} of scratch" if further else ""
            raise TypeError(
                f"{self!r} can't take {inputs} inputs, {outs} outputs{more}: its body is "
                f"{self.name}{inspect.signature(fn)}. The outputs come after the inputs, one parameter each."
            ) from None
        return list(bound.arguments)

    def _as_out(self, out: Any) -> jax.ShapeDtypeStruct:
        shape, dtype = getattr(out, "shape", None), getattr(out, "dtype", None)
        if shape is None or dtype is None:
            raise TypeError(f"The outs of {self!r} have a shape and a dtype, as jax.ShapeDtypeStruct has; got {out!r}.")
        return jax.ShapeDtypeStruct(shape, dtype)


def abstract(arrays: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    """The shapes and dtypes of arrays."""
    return [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays]
