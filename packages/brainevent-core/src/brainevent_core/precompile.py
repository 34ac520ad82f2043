"""``brainevent precompile``: compile kernels before anything needs them, for images and CI.

Typical calls of models are lowered as by ``jax.jit``, without running them. The backend compiles the kernels that they
need, and caches them on disk, where new processes find them.
"""

from __future__ import annotations

import argparse
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import config
from brainevent_core.errors import KernelBuildError
from brainevent_core.events import BinaryArray, BitPackedBinary, CompactBinary
from brainevent_core.info import table
from brainevent_core.matrices import COO, CSR, Dense, FixedPostNumConn, JITCNormalR, JITCScalarR, JITCUniformR
from brainevent_core.plugins import backends, get_registry
from brainevent_core.plugins.descriptor import KernelCache

__all__ = ["Call", "calls", "main"]

#: The dtypes of weights that kernels support.
DTYPES = ("float32", "float64", "float16", "bfloat16")

# Sizes hardly affect which kernels are compiled, but short rows have their own kernels, and so do matrices that are so
# small that one thread does the work.
_NEURONS, _PER_ROW, _PER_SHORT_ROW, _BATCH = (64, 4096), 32, 8, 3


@dataclass(frozen=True)
class Call:
    """A call whose kernels are to be compiled.

    Attributes:
        name: the matrix, the operation, and the dtype of the weights.
        function: the function that is called.
        arguments: its arrays and matrices, for a small network and for a larger one.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]


_PRODUCTS: dict[str, Callable[..., Any]] = {
    "spikes @ W": lambda W, x: BinaryArray(x["spikes"]) @ W,
    "W @ spikes": lambda W, x: W @ BinaryArray(x["spikes"]),
    "v @ W": lambda W, x: x["v"] @ W,
    "W @ v": lambda W, x: W @ x["v"],
    "batch of spikes @ W": lambda W, x: BinaryArray(x["batch"]) @ W,
    "W @ batch of spikes": lambda W, x: W @ BinaryArray(x["batch"].T),
    "bit-packed spikes @ W": lambda W, x: BitPackedBinary(x["spikes"]) @ W,
    "compact spikes @ W": lambda W, x: CompactBinary(x["spikes"]) @ W,
}
_EVENTS = ("spikes @ W", "W @ spikes")
_LEARNING: dict[str, Callable[..., Any]] = {
    "update_on_pre": lambda W, x: W.update_on_pre(x["spikes"], x["v"]).data,
    "update_on_post": lambda W, x: W.update_on_post(x["v"], x["spikes"]).data,
}
_GRADIENTS = ("spikes @ W", "v @ W")


def calls(dtype: str) -> Iterator[Call]:
    """The calls of the table, with weights of a dtype."""
    for same in zip(*(_calls(dtype, n) for n in _NEURONS), strict=True):
        yield Call(same[0][0], same[0][1], tuple(arguments for _, _, arguments in same))


def _calls(dtype: str, n: int) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Name, function and arguments of each call, with ``n`` neurons."""
    rng, floats = np.random.default_rng(0), jnp.dtype(dtype)
    x = {"spikes": jnp.zeros(n, bool), "v": jnp.zeros(n, floats), "batch": jnp.zeros((_BATCH, n), bool)}

    def columns(per_row: int) -> np.ndarray:
        return np.sort(rng.integers(n, size=(n, per_row), dtype=np.int32), axis=1)

    def csr(weights: Any, per_row: int) -> CSR:
        pointers = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
        return CSR((weights, columns(per_row).reshape(-1), pointers), shape=(n, n))

    def coo(weights: Any) -> COO:
        rows = np.repeat(np.arange(n, dtype=np.int32), _PER_ROW)
        return COO((weights, rows, columns(_PER_ROW).reshape(-1)), shape=(n, n))

    def fixed(weights: Any) -> FixedPostNumConn:
        return FixedPostNumConn((weights, columns(_PER_ROW)), shape=(n, n))

    one, many = jnp.ones(1, floats), jnp.ones(n * _PER_ROW, floats)
    few = jnp.ones(n * _PER_SHORT_ROW, floats)
    rectangle = jnp.ones((n, _PER_ROW), floats)
    learns = tuple(_LEARNING)
    matrices: list[tuple[str, Any, tuple[str, ...], bool]] = [
        ("CSR, one weight", csr(one, _PER_ROW), tuple(_PRODUCTS), False),
        ("CSR", csr(many, _PER_ROW), (*_PRODUCTS, *learns), True),
        ("CSR, short rows", csr(few, _PER_SHORT_ROW), ("v @ W",), False),
        ("CSR, column index", csr(many, _PER_ROW).with_csc_index(), ("W @ spikes", "update_on_post"), False),
        ("fixed number, one weight", fixed(one), tuple(_PRODUCTS), False),
        ("fixed number", fixed(rectangle), (*_PRODUCTS, *learns), True),
        ("fixed number, column index", fixed(rectangle).with_csc_index(), ("W @ spikes", "update_on_post"), False),
        ("COO", coo(many), (*_EVENTS, *learns), False),
        ("Dense", Dense(jnp.ones((n, n), floats)), (*_EVENTS, *learns), False),
        ("JITCScalar", JITCScalarR(floats.type(1), 0.1, 0, shape=(n, n)), _EVENTS, False),
        ("JITCNormal", JITCNormalR(floats.type(1), floats.type(1), 0.1, 0, shape=(n, n)), _EVENTS, False),
        ("JITCUniform", JITCUniformR(floats.type(0), floats.type(1), 0.1, 0, shape=(n, n)), _EVENTS, False),
    ]
    for title, matrix, operations, differentiated in matrices:
        for operation in operations:
            function = {**_PRODUCTS, **_LEARNING}[operation]
            yield f"{title}: {operation}, {dtype}", function, (matrix, x)
        for operation in _GRADIENTS if differentiated else ():
            yield f"{title}: gradient of {operation}, {dtype}", _gradient(_PRODUCTS[operation]), (matrix, x)


def _gradient(product: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient with respect to the weights."""

    def gradient(W: Any, x: Any) -> Any:
        return jax.grad(lambda data: product(W.with_data(data), x).sum())(W.data)

    return gradient


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the table; the return value is the exit status."""
    options = _parser().parse_args(arguments)
    if options.arch and not os.environ.get("JAX_PLATFORMS"):
        jax.config.update("jax_platforms", "cpu")  # no device is needed; avoids JAX's warning that there is none
    caches = {
        status.name: status.backend.cache
        for status in backends()
        if status.backend is not None
        and status.backend.cache is not None
        and options.platform in (None, *status.backend.platforms)
        and (status.backend.build_for is not None if options.arch else status.usable)
    }
    if options.backend not in (None, *caches) or not caches:
        found = ", ".join(map(repr, caches)) or "none"
        asked = "" if options.backend is None else f" {options.backend!r}"
        asked += "" if options.platform is None else f" for {options.platform!r}"
        print(
            f"No {'backend' if options.arch else 'usable backend'}{asked} "
            f"{'builds kernels for devices elsewhere' if options.arch else 'keeps kernels on disk'}; found: {found}. "
            "`pip install 'brainevent[cpu]'` adds 'numba'; `brainevent info` says why a backend can't be used."
        )
        return 1
    name = options.backend or next(iter(caches))
    chosen = [dtype for dtype in DTYPES if dtype in options.dtypes]
    with _x64("float64" in chosen):
        todo = [call for dtype in chosen for call in calls(dtype) if options.select.search(call.name)]
    if not todo:
        print(f"There is no call whose name has {options.select.pattern!r}; `brainevent precompile --list` names all.")
        return 1
    if options.list:
        print(*(call.name for call in todo), sep="\n")
        return 0
    try:
        platform = _build_for(name, options.arch) if options.arch else None
    except KernelBuildError as error:
        print(f"Backend {name!r} can't build kernels: {error}")
        return 1
    return _compile(name, caches[name], todo, platform, for_all=options.for_all_users)


def _build_for(backend: str, architectures: tuple[int, ...]) -> str:
    """Make lowering compile a backend's kernels for devices that are not present; returns the platform to lower for."""
    (status,) = (status for status in backends() if status.name == backend)
    descriptor = status.backend
    assert descriptor is not None
    assert descriptor.build_for is not None
    descriptor.build_for(get_registry(), architectures)
    status.stand_in, status.registered = descriptor.platforms[0], True
    return descriptor.platforms[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="brainevent precompile",
        description="Compile the kernels of common calls, and keep them on disk, for images and CI.",
        epilog="The folder is that of BRAINEVENT_CACHE_DIR, else below NUMBA_CACHE_DIR or the user's cache folder. "
        "What is compiled fits the processor of this machine, and others of the same model.",
    )
    parser.add_argument("--backend", help="the backend (default: the first with a disk cache)")
    parser.add_argument("--platform", help="use the first backend with kernels for this platform: cpu or cuda")
    parser.add_argument(
        "--arch",
        type=_architectures,
        default=(),
        metavar="NUMBERS",
        help="compile for GPUs of these architectures, which need not be present, e.g. 80,90 or sm_80,sm_90 for an "
        "A100 and an H100",
    )
    parser.add_argument(
        "--dtypes",
        type=_dtypes,
        default=("float32",),
        metavar="NAMES",
        help=f"dtypes of the weights, separated by commas: {', '.join(DTYPES)}, or all; float32 by default",
    )
    parser.add_argument(
        "--select", type=_pattern, default="", metavar="PATTERN", help="a regular expression over the names of calls"
    )
    parser.add_argument("--list", action="store_true", help="only print the names of the calls")
    parser.add_argument(
        "--for-all-users",
        action="store_true",
        help="let other users read the files; they can use files of root in a folder where only root can write, as "
        "in a container image",
    )
    return parser


def _dtypes(text: str) -> tuple[str, ...]:
    names = DTYPES if text == "all" else tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in DTYPES:
            raise argparse.ArgumentTypeError(f"weights are {', '.join(DTYPES)}; got {name!r}")
    return names


def _architectures(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part.strip().removeprefix("sm_")) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"architectures are numbers such as 90 or sm_90, got {text!r}") from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None


def _compile(
    backend: str, inspect: Callable[[], KernelCache], todo: Sequence[Call], platform: str | None, *, for_all: bool
) -> int:
    before = inspect()
    if before.folder is None or before.fault is not None:
        print(f"Backend {backend!r} can't keep kernels: {before.fault}.")
        return 1
    print(f"Compiling the kernels of {len(todo)} calls into {before.folder}")
    missing = [folder for folder in (before.folder, *before.folder.parents) if not folder.exists()]
    start, files, elsewhere = time.perf_counter(), before.files, []
    for number, call in enumerate(todo, 1):
        print(f"{number:{len(str(len(todo)))}}/{len(todo)}  {call.name}", end="", flush=True)
        began = time.perf_counter()
        ran = _lower(call, backend, platform)
        new, files = inspect().files - files, inspect().files
        what = f"{new} new" if ran == {backend} else f"left to {', '.join(sorted(ran - {backend}))}"
        elsewhere += [call.name] if ran != {backend} else []
        print(f"  ({what}, {time.perf_counter() - began:.1f} s)", flush=True)
    after = inspect()
    if after.fault is not None or after.folder is None:
        print(f"Nothing could be kept: {after.fault}.")
        return 1
    if for_all:
        _let_others_read(after.folder, missing)
    print(
        f"\nWrote {after.files - before.files} kernels in {time.perf_counter() - start:.0f} s; {after.folder} has "
        f"{after.files}, {after.size / 2**20:.1f} MiB."
    )
    return 0


def _lower(call: Call, backend: str, platform: str | None = None) -> set[str]:
    """Lower a call, for this machine or another platform, which compiles its kernels. Returns the backends of these
    kernels, without primitives that are left to XLA by design."""
    double = any(jnp.result_type(leaf) == np.float64 for leaf in jax.tree.leaves(call.arguments))
    with _x64(double), config.use_backend(backend), get_registry().record() as lowered:
        for arguments in call.arguments:
            traced = jax.jit(call.function).trace(*arguments)
            traced.lower() if platform is None else traced.lower(lowering_platforms=(platform,))
    return {selection.backend for selection in lowered if selection.by_design is None}


@contextmanager
def _x64(enabled: bool) -> Iterator[None]:
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", enabled or before)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _let_others_read(folder: Path, made: Sequence[Path]) -> None:
    """Make the files of the folder, the folder, and the parents that were created for it, readable by other users."""
    for path in [*folder.iterdir(), folder, *made]:
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (0o055 if path.is_dir() else 0o044))
    closed = [path for path in folder.parents if not path.stat().st_mode & stat.S_IXOTH]
    if closed and os.name == "posix":
        print(table(("Other users can't reach the folder, because of the mode of",), [(str(path),) for path in closed]))
