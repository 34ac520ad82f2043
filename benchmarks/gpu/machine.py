"""The machine of the stages: a GPU or Warp's CPU device, with Warp or with images that were compiled elsewhere."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brainevent
from brainevent_core.plugins import backends, get_registry
from brainevent_core.testing.conformance.check import stand_in

__all__ = ["Machine", "compile_images", "find_line", "remember_warp", "warp_of"]

_ABOUT = "about.json"


@dataclass(frozen=True)
class Machine:
    """The settings of a stage.

    Attributes:
        platform: "cuda", or "cpu" for a run without a GPU.
        line: CUDA version, 12 or 13, which determines the package.
        tiny: whether to use the small sizes of a dry run.
        cases: the maximum number of cases to run from a table.
    """

    platform: str = "cuda"
    line: int = 13
    tiny: bool = False
    cases: int = 200

    @property
    def backend(self) -> str:
        """The name of the backend."""
        return f"warp-cuda{self.line}"

    @property
    def kernels(self) -> Any:
        """The package of the kernels."""
        return importlib.import_module(f"brainevent_cuda{self.line}.kernels")

    @contextlib.contextmanager
    def offered(self) -> Iterator[None]:
        """A context in which the kernels run, even if the backend is considered unusable because Warp is missing."""
        if self.platform == "cpu":
            with stand_in(self.backend, "cpu"), brainevent.use_backend(self.backend):
                yield
            return
        (status,) = (one for one in backends() if one.name == self.backend)
        if not status.usable:
            self.kernels.register(get_registry(), backend=self.backend)
            status.stand_in, status.registered = "cuda", True
        with brainevent.use_backend(self.backend):
            yield

    def module(self, name: str) -> Any:
        """A module of the kernels, such as "launcher.records"."""
        return importlib.import_module(f"brainevent_cuda{self.line}.kernels.{name}")


def find_line() -> int:
    """The CUDA version whose package and JAX plugin are installed, or else whose package is installed.

    Raises:
        SystemExit: if there is none.
    """
    here = [line for line in (13, 12) if importlib.util.find_spec(f"brainevent_cuda{line}")]
    for line in here:
        if importlib.util.find_spec(f"jax_cuda{line}_plugin"):
            return line
    if not here:
        raise SystemExit("This needs brainevent's package for a line of CUDA: pip install 'brainevent[cuda13]'.")
    return here[0]


def compile_images(machine: Machine, architectures: Sequence[int]) -> int:
    """Compile all kernels in the plans of this process for these architectures; returns the number of images."""
    plans = machine.module("launcher.records").known_plans()
    kernels = {op.kernel.digest: op.kernel for plan in plans for op in plan.operations if hasattr(op, "kernel")}
    for kernel in kernels.values():
        for architecture in architectures:
            kernel.image(architecture)
    return len(kernels) * len(architectures)


def remember_warp(folder: Path) -> None:
    """Record the version of Warp that compiled the images of a folder."""
    version = importlib.metadata.version("warp-lang")
    (folder / _ABOUT).write_text(json.dumps({"warp-lang": version}) + "\n")


def warp_of(machine: Machine, folder: Path | None) -> None:
    """Without Warp, make kernels use the version of Warp that compiled the images, so that these are found.

    Raises:
        SystemExit: if there are neither Warp nor images.
    """
    if importlib.util.find_spec("warp") is not None:
        return
    about = None if folder is None else folder / _ABOUT
    if about is None or not about.exists():
        raise SystemExit("There is no Warp here: give the folder that `--prepare` has made as --images FOLDER.")
    machine.module("compiled").warp_version = lambda: json.loads(about.read_text())["warp-lang"]
