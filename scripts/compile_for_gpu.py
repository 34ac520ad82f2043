"""Compile whole programs for an H100, on a machine that has none, and count what a time step launches.

    hatch run cuda13:programs             # compare with the figures in gpu_programs.json
    hatch run cuda13:programs --write     # write them

JAX's CUDA plugin can compile for the description of a device. XLA's dump lists the kernels, custom calls and copies
that the body of a loop issues: with steps of 0.1 ms, their number determines the run time of a network on a GPU.
"""

import argparse
import functools
import itertools
import json
import os
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_name("gpu_programs.json")

#: The compiler's description of an H100 (SXM, 80 GB).
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32
  shared_memory_per_block: 49152 shared_memory_per_core: 233472 shared_memory_per_block_optin: 232448
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84978434048
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  cuda_compute_capability { major: 9 }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: %d minor: 0 patch: 0 }
device_description_str: "NVIDIA H100"
"""

#: For each program, the number of operators in a step, each of which is one custom call, and the maximum of thunks.
LIMITS = {
    "COBA of CSR": (2, 9),
    "COBA of FixedPostNumConn": (2, 9),
    "COBA of JITCScalarR": (2, 9),
    "Vogels, which learns": (5, 14),
}

#: The number of arrays of the size of plastic weights that XLA writes in a step: 0 if weights are updated in place.
WRITTEN = "arrays of the size of weights"

#: Thunks that start work on the device, with their names in XLA's dump.
KINDS = {
    "kernels": r"kKernel|kCustomKernel",
    "custom calls": r"kCustomCall",
    "copies": r"kCopy|kDynamicSlice|kMemcpy\w*",
    "memsets": r"kMemset\w*|kMemzero",
    "conditionals": r"kConditional",
    "library calls": r"kGemm|kCublasLt|kCub\w*",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the figures instead of comparing with them")
    parser.add_argument("--thunks", action="store_true", help="also print the operations in the loops")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="brainevent-") as folder:
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={folder} --xla_dump_hlo_as_text"
        found = figures(Path(folder), show=options.thunks)
    versions = installed()
    print(versions)
    for name, counts in found.items():
        print(f"{name:34}", ", ".join(f"{number} {kind}" for kind, number in counts.items() if number) or "nothing")
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if options.write:
        FIGURES.write_text(json.dumps(dict(sorted({**known, versions: found}.items())), indent=1) + "\n")
    elif versions not in known:
        print(f"{FIGURES.name} has no figures of these versions to compare with.")
    faults = [fault for name, counts in found.items() if name.endswith("kernels") for fault in faults_of(name, counts)]
    for name, counts in found.items():
        expected = counts if options.write else known.get(versions, found).get(name)
        if counts != expected:
            faults.append(f"{name}: {FIGURES.name} says {expected}, found {counts}")
    if faults:
        print(*faults, sep="\n")
    return 1 if faults else 0


def faults_of(name: str, counts: dict[str, int]) -> list[str]:
    """The counts of a step that exceed their limits, which depend on the number of operators."""
    thunks = sum(counts[kind] for kind in KINDS)
    operators, most = LIMITS[name.rpartition(", ")[0]]
    limits = {
        "thunks": (thunks, most),
        "custom calls": (counts["custom calls"], operators),
        "launches in them": (counts["launches in them"], 2 * operators),
        "conditionals": (counts["conditionals"], 0),
        WRITTEN: (counts.get(WRITTEN, 0), 0),
    }
    return [f"{name}: {found} {what}, at most {most}" for what, (found, most) in limits.items() if found > most]


def installed() -> str:
    """The versions that figures depend on, as text."""
    import jaxlib

    return f"jaxlib {jaxlib.__version__}, CUDA {kernels()[0]}"


def figures(folder: Path, *, show: bool) -> dict[str, dict[str, int]]:
    """What every program issues in a step, with the reference and with the kernels."""
    import jax
    import numpy as np
    from jax.experimental import topologies

    import brainevent
    from brainevent_core.plugins import get_registry

    line, register = kernels()
    topology = topologies.get_topology_desc(platform="cuda", target_config=H100 % line, topology="1x1x1")
    mesh = jax.sharding.Mesh(np.array(topology.devices[:1]), ("device",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    found = {}
    for name, (function, arguments, changing) in programs().items():
        for backend in ("reference", "kernels"):
            if backend == "kernels":
                register(get_registry())
            before = set(folder.iterdir())
            asked = brainevent.use_backend(backend if backend == "reference" else f"warp-cuda{line}")
            with warnings.catch_warnings(), asked:
                warnings.simplefilter("ignore")  # the warning that the reference runs
                # Plastic weights are donated, as in programs that simulate one interval after the other.
                donated = (len(arguments) - 1,) if changing else ()
                placed = {"in_shardings": everywhere, "out_shardings": everywhere}
                jitted = jax.jit(function, **placed, donate_argnums=donated)
                with get_registry().record() as lowered:
                    program = jitted.trace(*arguments).lower(lowering_platforms=("cuda",))
                compiled = program.compile()
            ran = {one.backend for one in lowered}
            assert ran == ({"reference"} if backend == "reference" else {f"warp-cuda{line}"}), ran
            if backend == "kernels":
                get_registry().withdraw(f"warp-cuda{line}")
            dumped = [path for path in set(folder.iterdir()) - before if path.name.endswith("thunk_sequence.txt")]
            text = max((path.read_text() for path in dumped), key=len)
            body = loop_body(text)
            if show:
                print(f"--- {name}, {backend}\n{body}")
            written = {WRITTEN: made(compiled.as_text(), changing)} if changing else {}
            found[f"{name}, {backend}"] = count(body) | in_calls(program.as_text(), line) | written
    return found


def kernels() -> tuple[int, Callable[[Any], None]]:
    """The installed CUDA version, 12 or 13, and the function that registers its kernels for GPUs."""
    import importlib
    import importlib.util

    for line in (12, 13):
        if importlib.util.find_spec(f"jax_cuda{line}_plugin") and importlib.util.find_spec(f"brainevent_cuda{line}"):
            register = importlib.import_module(f"brainevent_cuda{line}.kernels").register
            return line, functools.partial(register, backend=f"warp-cuda{line}")
    raise SystemExit("This needs JAX's CUDA plugin and brainevent's package for the same line of CUDA.")


def programs() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]]:
    """Loops over time steps, by name: functions, their arguments (of which only shapes matter), and the number of
    plastic weights."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    import brainunit as u
    import coba
    import jax
    import jax.numpy as jnp
    import vogels

    import brainevent

    p, exc, inh, state = coba.make_network()

    def fixed(rows: int, weight: u.Quantity) -> brainevent.FixedPostNumConn:
        return brainevent.FixedPostNumConn(num_pre=rows, num_post=p.n, conn_num=80, weight=weight, seed=0)

    def generated(rows: int, weight: u.Quantity) -> brainevent.JITCScalarR:
        return brainevent.JITCScalarR((weight, p.connection_probability, 0), shape=(rows, p.n))

    def run(exc: Any, inh: Any, state: Any) -> Any:
        return jax.lax.scan(lambda state, _: (coba.step(p, exc, inh, state), None), state, length=10_000)[0]

    def learn(model: Any, state: Any) -> Any:
        numbers = jnp.arange(10_000)
        return jax.lax.scan(lambda state, number: (vogels.step(model, state, number)[0], None), state, numbers)[0]

    def shapes(tree: Any) -> Any:
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)

    like, learning = shapes((exc, inh, state)), vogels.make_model(0)
    weights = {p.n_exc: jnp.float32(6.0) * u.nS, p.n_inh: jnp.float32(67.0) * u.nS}
    by_number, by_seed = ([make(rows, weight) for rows, weight in weights.items()] for make in (fixed, generated))
    return {
        "COBA of CSR": (run, like, 0),
        "COBA of FixedPostNumConn": (run, (*shapes(by_number), like[2]), 0),
        "COBA of JITCScalarR": (run, (*shapes(by_seed), like[2]), 0),
        "Vogels, which learns": (learn, shapes(learning), learning[1].inh_to_exc.nse),
    }


def loop_body(text: str) -> str:
    """What the body of the longest loop in a dump issues; inner loops are included once."""
    lines, bodies = text.splitlines(), []
    for at, line in enumerate(lines):
        if line.strip() == "body:":
            inside = functools.partial(_is_inside, indent=_indent(line))
            bodies.append("\n".join(itertools.takewhile(inside, lines[at + 1 :])))
    if not bodies:
        raise SystemExit("XLA's dump has no loop: has its format changed?")
    return max(bodies, key=len)


def _is_inside(line: str, *, indent: int) -> bool:
    # Headings of the conditions of inner loops are printed without indentation.
    return line.strip() in ("", "condition:") or _indent(line) > indent


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def count(body: str) -> dict[str, int]:
    """The number of thunks of each kind."""
    issued = Counter(re.findall(r":\s+(k[A-Z]\w+)", body))
    return {
        kind: sum(number for thunk, number in issued.items() if re.fullmatch(names, thunk))
        for kind, names in KINDS.items()
    }


def made(text: str, size: int) -> int:
    """How many arrays of ``size`` numbers XLA's own operations write in the loop bodies of a compiled program."""
    found = 0
    for name in set(re.findall(r"body=%?([\w.\-]+)", text)):
        body = re.search(rf"^%?{re.escape(name)} .*?^\}}", text, re.DOTALL | re.MULTILINE)
        made = re.findall(
            rf"= \(?\w+\[{size}\]\S* (?:copy|copy-start|fusion|scatter|concatenate)\(", body[0] if body else ""
        )
        found += len(made)
    return found


def in_calls(text: str, line: int) -> dict[str, int]:
    """The launches and zero-fills in the custom calls of a program, all of which are in its loop."""
    import importlib

    plan_of = importlib.import_module(f"brainevent_cuda{line}.kernels.launcher.records").plan_of
    operations = [one for key in re.findall(r"plan = (-?\d+) : i64", text) for one in plan_of(int(key)).operations]
    kinds = Counter(type(one).__name__ for one in operations)
    return {"launches in them": kinds["Launch"], "buffers zeroed in them": kinds["Zero"]}


if __name__ == "__main__":
    sys.exit(main())
