"""Compilation for a target, and the compiler's dumps."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aot.targets import topology

__all__ = ["Compiled", "Compiler"]


@dataclass
class Compiled:
    """A compiled program.

    Attributes:
        text: its HLO after all optimisations.
        selections: the kernel that was selected for each primitive.
        dumps: files with the final code.
        seconds: CPU time of lowering and compilation: wall-clock times on a busy machine are meaningless.
    """

    text: str
    selections: list[Any]
    dumps: list[Path]
    seconds: float

    def code_of(self, kernel: str) -> str:
        """The final code of the Pallas kernel of that name; empty if there is none."""
        named = re.compile(rf"\d+-{kernel}[.\d]*-\d+-final_bundles")
        return next((file.read_text(errors="replace") for file in self.dumps if named.search(file.name)), "")

    def spilling(self, kernels: Sequence[str]) -> list[str]:
        """The kernels that spill scalars to HBM and wait for them, because scalar memory was too full."""
        return [kernel for kernel in kernels if "local-dma-wait" in self.code_of(kernel)]


class Compiler:
    """Compiles for targets, with the dumps in a folder."""

    def __init__(self, dumps: str) -> None:
        self._folder = Path(dumps)

    def compile(
        self, function: Any, arguments: Sequence[Any], target: str, *, specs: Sequence[Any] | None = None
    ) -> Compiled:
        """Compile a function of abstract arguments for one device of a target; for all, split by ``specs``."""
        lowered, selections, began = self.lower(function, arguments, target, specs=specs)
        before = set(self._folder.iterdir())
        compiled = lowered.compile()
        seconds = time.process_time() - began
        new = sorted(set(self._folder.iterdir()) - before)
        dumps = [file for file in new if "final_bundles" in file.name and "schedule" not in file.name]
        for file in new:  # thousands of files, with megabytes each
            if file not in dumps:
                file.unlink(missing_ok=True)
        return Compiled(compiled.as_text(), selections, dumps, seconds)

    def lower(
        self, function: Any, arguments: Sequence[Any], target: str, *, specs: Sequence[Any] | None = None
    ) -> tuple[Any, list[Any], float]:
        """The lowered program, the selected kernels, and the CPU time at which lowering began."""
        import jax
        import numpy as np

        from brainevent_core.plugins import get_registry

        devices = topology(target).devices
        if specs is None:
            where: Any = [jax.sharding.SingleDeviceSharding(devices[0])] * len(jax.tree.leaves(arguments))
        else:
            mesh = jax.sharding.Mesh(np.array(devices), ("x",))
            where = [jax.sharding.NamedSharding(mesh, spec) for spec in specs]
        leaves, tree = jax.tree.flatten(tuple(arguments))
        placed = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place) for x, place in zip(leaves, where)]
        began = time.process_time()
        with get_registry().record() as selections:
            traced = jax.jit(function).trace(*jax.tree.unflatten(tree, placed))
            lowered = traced.lower(lowering_platforms=("tpu",))
        return lowered, list(selections), began
