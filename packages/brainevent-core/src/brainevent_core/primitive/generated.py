"""Kernels from generators, which are called for each kind of call; kernels with the same code are compiled once.

A generator closes over static parameters, and may close over shapes, so it is called for each combination. Most return
an equivalent function, see :func:`~.identity.identity`. Then the first kernel is reused with the new outputs, and the
language compiles nothing for known dtypes and ranks.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from brainevent_core.primitive.identity import identity
from brainevent_core.primitive.language import LanguageKernel

__all__ = ["GeneratedKernels"]

#: The capacities of a generator's caches: kinds of call, and kernels with different code.
KEPT_CALLS, KEPT_KERNELS = 1024, 128


class GeneratedKernels:
    """The cached kernels of one generator.

    Args:
        generate: ``generate(**static, outs=...)`` → ``callable(*arrays)``.
    """

    def __init__(self, generate: Callable[..., Any]) -> None:
        self._generate = generate
        self._calls = _Recent(KEPT_CALLS)
        self._kernels = _Recent(KEPT_KERNELS)
        self._lock = threading.RLock()  # reentrant: a generator may call operations with generators

    def __call__(self, static: Mapping[str, Any], outs: Any) -> Callable[..., Any]:
        """The kernel for these static parameters and outputs."""
        with self._lock:
            return self._calls.setdefault((repr(outs), identity(dict(static))), lambda: self._make(static, outs))

    def _make(self, static: Mapping[str, Any], outs: Any) -> Callable[..., Any]:
        kernel: Callable[..., Any] = self._generate(**{**static, "outs": outs})
        if not isinstance(kernel, LanguageKernel):
            return kernel
        first = self._kernels.setdefault(kernel.identity(), lambda: kernel)
        return functools.partial(first, outs=outs if kernel.outs is None else kernel.outs)


class _Recent:
    """A least-recently-used cache."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Any, Any] = OrderedDict()

    def setdefault(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._entries:
            self._entries[key] = make()
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return self._entries[key]
