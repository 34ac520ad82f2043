"""``def_<language>_kernel``: a method for each kernel language that a backend provides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from brainevent_core.errors import KernelCompilationError, RegistrationError
from brainevent_core.plugins import kernel_language, language_backend
from brainevent_core.plugins.languages import known_languages, language_platforms
from brainevent_core.primitive.generated import GeneratedKernels
from brainevent_core.primitive.language import LanguageKernel, abstract
from brainevent_core.primitive.rules import Rules
from brainevent_core.primitive.vmap_axes import VmapAxis, as_list, vmap_over

__all__ = ["LanguageMethods"]

Supports = Callable[..., bool] | None


class LanguageMethods:
    """The part of :class:`XLACustomKernel` that adds kernels in kernel languages."""

    name: str
    rules: Rules
    def_kernel: Callable[..., None]

    def def_language_kernel(
        self,
        language: str,
        fn: Callable[..., Any],
        *,
        platform: str | None = None,
        priority: int = 0,
        supports: Supports = None,
    ) -> None:
        """Add a kernel in a language of an installed backend; ``def_<language>_kernel`` is a short form.

        Args:
            language: its name without "_kernel", such as ``"numba"``.
            fn: a kernel in the language (``brainevent.numba_kernel`` or the like), for a primitive without static
                parameters; otherwise a generator of kernels, ``fn(**static, outs=...) → callable(*arrays)``, where
                ``outs`` is the result of the abstract evaluation rule. The generator is called for all combinations of
                static parameters and shapes. If it returns the same function with equal closure values, this is
                compiled once for each combination of dtypes and ranks; a function that closes over a shape is compiled
                for each.
            platform: one of those for which the language compiles, by default the first.
            priority: see :meth:`KernelRegistry.register_kernel`.
            supports: ``supports(*avals, **static)``: whether the kernel supports the call.

        Raises:
            RegistrationError: if there is no such language, or it doesn't compile for the platform.
        """
        if f"{language}_kernel" not in known_languages():
            known = ", ".join(repr(name.removesuffix("_kernel")) for name in known_languages())
            raise RegistrationError(
                f"No backend brings the language {language!r} for a kernel of {self.name!r}; found: {known}. Install "
                "the package that does, or correct the name."
            )
        platforms, exportable, unpartitionable = _facts(f"{language}_kernel")
        if platform is None and not platforms:
            raise RegistrationError(
                f"Name the platform of the kernel of {self.name!r}: the language {language!r}, which would say it, "
                "can't be imported here."
            )
        platform = platform or platforms[0]
        if platforms and platform not in platforms:
            raise RegistrationError(
                f"A kernel of {self.name!r} in {language} can be for {' or '.join(map(repr, platforms))}, "
                f"got platform={platform!r}."
            )
        call = self._kernel_call(language, fn)

        def kernel(*arrays: Any, batch: tuple[VmapAxis, ...] = (), **static: Any) -> Any:
            # Under vmap, the kernel's own `vmap_method` applies.
            return vmap_over(lambda *unmapped: as_list(call(unmapped, static)), batch)(*arrays)

        self.def_kernel(
            language_backend(f"{language}_kernel"),
            platform,
            kernel,
            priority=priority,
            supports=supports,
            exportable=exportable,
            batched=True,
            partitionable=platform not in unpartitionable,
        )

    def _kernel_call(self, language: str, fn: Any) -> Callable[[Any, dict[str, Any]], Any]:
        """The kernel, or those of the generator, as a function of the arrays and the static parameters."""
        made = None if getattr(fn, "is_kernel", False) else GeneratedKernels(fn)

        def call(arrays: Any, static: dict[str, Any]) -> Any:
            outs = self.rules.outputs(self.name, abstract(arrays), static)
            outs = list(outs) if isinstance(outs, (tuple, list)) else outs
            if made is not None:
                return made(static, outs)(*arrays)
            unknown = sorted(set(static) - {"outs"})
            if unknown:
                raise KernelCompilationError(
                    f"The kernel {fn!r} of {self.name!r} can't be given the static parameters {', '.join(unknown)}: "
                    f"pass def_{language}_kernel a generator, `fn(**static, outs=...)`, that returns it."
                )
            return fn(*arrays, outs=outs)

        return call

    if not TYPE_CHECKING:  # type checkers would accept any name as one of these

        def __getattr__(self, name: str) -> Any:
            language = name.removeprefix("def_")
            if language != name and language in known_languages():
                return partial(self.def_language_kernel, language.removesuffix("_kernel"))
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def def_numba_kernel(self, fn: Callable[..., Any], *, priority: int = 0, supports: Supports = None) -> None:
        """Add a kernel in Numba, for CPU. See :meth:`def_language_kernel` for the arguments.

        Example:
            >>> import jax, jax.numpy as jnp
            >>> from brainevent import XLACustomKernel, numba_kernel
            >>> decay = XLACustomKernel("docs.decay")
            >>> decay.def_abstract_eval(lambda v, *, rate: jax.ShapeDtypeStruct(v.shape, v.dtype))
            >>> decay.def_reference(lambda v, *, rate: rate * v)
            >>> def generate(*, rate, outs):
            ...     @numba_kernel(outs=outs)
            ...     def body(v, out):
            ...         for i in range(v.size):
            ...             out[i] = rate * v[i]
            ...
            ...     return body
            >>> decay.def_numba_kernel(generate)
            >>> decay(jnp.array([1.0, 2.0]), rate=0.5)
            Array([0.5, 1. ], dtype=float32)
        """
        self.def_language_kernel("numba", fn, platform="cpu", priority=priority, supports=supports)

    def def_warp_kernel(
        self, fn: Callable[..., Any], *, platform: str = "cuda", priority: int = 0, supports: Supports = None
    ) -> None:
        """Add a kernel in Warp, for CUDA, or for "cpu", to test it without a GPU.

        See :meth:`def_language_kernel` for the arguments.

        Example:
            >>> from brainevent import XLACustomKernel
            >>> decay = XLACustomKernel("docs.warp_decay")
            >>> def generate(*, rate, outs):
            ...     import warp as wp
            ...     from brainevent import warp_kernel
            ...
            ...     @warp_kernel(outs=outs)
            ...     def body(v, out):
            ...         i = wp.tid()
            ...         out[i] = rate * v[i]
            ...
            ...     return body
            >>> decay.def_warp_kernel(generate)
        """
        self.def_language_kernel("warp", fn, platform=platform, priority=priority, supports=supports)

    def def_pallas_kernel(
        self, fn: Callable[..., Any], *, platform: str = "tpu", priority: int = 0, supports: Supports = None
    ) -> None:
        """Add a kernel in Pallas, for TPU or "cuda", or for "cpu", to test it in Pallas' interpreter.

        See :meth:`def_language_kernel` for the arguments.

        Example:
            >>> from brainevent import XLACustomKernel
            >>> decay = XLACustomKernel("docs.pallas_decay")
            >>> def generate(*, rate, outs):
            ...     from brainevent import pallas_kernel
            ...
            ...     @pallas_kernel(outs=outs)
            ...     def body(v, out):
            ...         out[...] = rate * v[...]
            ...
            ...     return body
            >>> decay.def_pallas_kernel(generate, platform="tpu")
            >>> decay.def_pallas_kernel(generate, platform="cuda")
        """
        self.def_language_kernel("pallas", fn, platform=platform, priority=priority, supports=supports)


def _facts(name: str) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """The platforms of a language, whether its kernels can be exported, and the platforms on which XLA can't partition
    them; empty and False if it can't be imported."""
    try:
        kernel_language(name)
    except ImportError:
        return (), False, ()
    found = next((cls for cls in _subclasses(LanguageKernel) if getattr(cls, "language", None) == name), None)
    platforms = found.platforms if found else ()
    unpartitionable = found.unpartitionable if found else ()
    return platforms or language_platforms(name), bool(found and found.exportable), unpartitionable


def _subclasses(cls: type[Any]) -> list[type[Any]]:
    """All subclasses, the latest first."""
    return [one for direct in reversed(cls.__subclasses__()) for one in (*_subclasses(direct), direct)]
