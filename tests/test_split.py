"""Matrices that are split over devices: networks and sums are the same on any number of them, only spikes are
communicated, and operations that a matrix in blocks doesn't support raise an error with advice.

Programs on several devices run in separate processes, see `split_programs.py`.
"""

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from tests.compiled_programs import weight_sized_copies
from tests.toy_formats import Blocks

import brainevent
from brainevent import BinaryArray, connect, sharding
from brainevent.sharding import Split

pytestmark = pytest.mark.usefixtures("little_optimisation")

PROGRAMS = Path(__file__).with_name("split_programs.py")
CLASSES = ("CSR", "CSC", "COO", "FixedPostNumConn", "FixedPreNumConn", "Dense")
MODES = ("auto", "explicit", "shard_map")


def run(table: str, *case: str, seed: int, devices: str, backend: str = "numba") -> Any:
    """The result that a program of `split_programs.py` prints, run with eight devices."""
    environment = dict(os.environ, XLA_FLAGS="--xla_force_host_platform_device_count=8", BRAINEVENT_BACKEND=backend)
    command = [sys.executable, str(PROGRAMS), table, str(seed % 2**31), devices, *case]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# -- on several devices ------------------------------------------------------------------------------------------------

#: XLA's products of dense matrices: the order of their sums depends on the size of a batch. For all others, the bits
#: don't depend on the number of blocks per device.
OF_XLA = {"Dense": {"numbers @ conn", "conn.T @ spikes", "conn @ spikes", "batch @ conn", "vmap"}}


def check_comparison(cls: str, mode: str, by: str, seed: int, devices: str) -> None:
    found = run("compare", cls, mode, by, seed=seed, devices=devices)
    assert found["compared"] == (7 if mode == "shard_map" else 13)
    assert set(found["differ"]) <= OF_XLA.get(cls, set())
    assert "numba" in found["backends"]
    # XLA computes products of a dense matrix with numbers.
    assert set(found["backends"]) <= ({"numba", "reference"} if cls == "Dense" else {"numba"})


@pytest.mark.cover(share=0.3, strength=1)
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("mode", MODES)
def test_operations_on_one_and_on_eight_devices(cls: str, mode: str, seed: int) -> None:
    """Compared with NumPy, and with each other bit for bit."""
    check_comparison(cls, mode, "post", seed, "1,8")


@pytest.mark.slow
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("mode", MODES)
def test_operations_on_any_number_of_devices(cls: str, mode: str, seed: int) -> None:
    check_comparison(cls, mode, "post", seed, "1,2,4,8")


@pytest.mark.slow
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("mode", MODES[:2])
def test_operations_on_blocks_of_presynaptic_neurons(cls: str, mode: str, seed: int) -> None:
    check_comparison(cls, mode, "pre", seed, "1,4")


@pytest.mark.cover(share=0.2, strength=1)
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("mode", MODES[:2])
def test_what_travels(cls: str, mode: str, seed: int) -> None:
    """Compiled programs have exactly these collectives, and each of eight devices has an eighth of the memory."""
    found = run("traffic", cls, mode, "post", seed=seed, devices="1,8")
    one, eight = found["1"], found["8"]
    assert eight["spikes @ conn"] == eight["on_pre"] == ["all-gather u32[16]"]  # 512 neurons, 32 per word
    # The partial sums of each block, one per presynaptic neuron, are sent to the device that adds them.
    (partial,) = eight["conn @ spikes"]
    assert (partial.startswith("all-to-all") and partial.count("f32[1,64]") in (1, 8)) or "f32[8,64]" in partial
    assert eight["bytes"] * 8 == one["bytes"]
    assert eight["arguments"] <= math.ceil(one["arguments"] / 8) + 64
    assert eight["temporary"] < eight["bytes"]
    # In a loop, new weights overwrite the old ones.
    assert "while" in found["learning"]
    assert not weight_sized_copies(found["learning"], found["weights"])
    # Weights that are replicated by mistake would be noticed.
    assert any("f32[8," in collective for collective in found["planted"])
    assert found["planted"] != eight["spikes @ conn"]


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=pytest.mark.slow if mode != "auto" else ()) for mode in MODES[:2]]
)
def test_exchange(mode: str, seed: int) -> None:
    """With few spikes, lists of 9 numbers are communicated; bits belong to the branch for a list that overflows."""
    found = run("exchange", mode, seed=seed, devices="8")
    assert found == {
        "4096 None": ["all-gather u32[1024]"],
        "4096 8": ["all-gather s32[8,9]", "all-gather u32[1024]"],
        "40 None": ["all-gather u32[16]"],
        "1000 8": ["all-gather s32[8,9]", "all-gather u32[256]"],
    }


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("kind", ["auto", "explicit", "mixed"])
def test_a_mesh_of_two_axes(kind: str, seed: int) -> None:
    """Spikes are communicated along the axis of the split, a batch is split over the other, weights stay in place."""
    found = run("grid", kind, seed=seed, devices="4")
    assert found["vector"] == ["all-gather u32[16]"]
    if kind != "auto":
        assert found["batch"] == ["all-gather u32[16,2]"]  # for the two vectors of each device
    # If both axes are explicit, XLA replicates a matrix in a shard_map over the other one.
    names = set(found) - ({"inside of the other axis"} if kind == "explicit" else set())
    assert not any(
        "all-gather f32" in collective or "all-gather s32" in collective for name in names for collective in found[name]
    )


@pytest.mark.cover(share=0.2, strength=1)
@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls != "Dense"])
@pytest.mark.parametrize("mode", MODES)
def test_delays_and_own_rules(cls: str, mode: str, seed: int) -> None:
    """What arrives in each step, and weights after a user-defined rule: compared with a whole matrix, and bit for bit
    on any number of devices. The ring is neither communicated nor copied."""
    found = run("delays", cls, mode, seed=seed, devices="1,4")
    assert found["backends"] == ["numba"]
    assert found["differ"] == []
    assert found["collectives"] == ["all-gather u32[4]"]  # 128 neurons, 32 per word
    assert "while" in found["loop"]
    assert not weight_sized_copies(found["loop"], found["ring"])


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=pytest.mark.slow if mode != "auto" else ()) for mode in MODES[:2]]
)
def test_spikes_of_several_steps_travel_at_once(mode: str, seed: int) -> None:
    """The raster equals that of `add` in each step, and that of a network that isn't split."""
    found = run("intervals", mode, seed=seed, devices="2")
    assert found["spikes"] > 100
    assert found["rasters"] == 1
    # 64 and 32 neurons per device are two words and one, from all devices and for all steps.
    assert set(found["1"]) == {"all-gather u32[2,1]", "all-gather u32[4,1]"}
    assert set(found["5"]) == {"all-gather u32[2,5]", "all-gather u32[4,5]"}


@pytest.mark.cover(share=0.15, strength=1)
@pytest.mark.parametrize("law", ["Scalar", "Normal", "Uniform"])
@pytest.mark.parametrize("along", ["R", "C"])
@pytest.mark.parametrize("mode", MODES)
def test_generated_connectivity(law: str, along: str, mode: str, seed: int) -> None:
    """Each device generates the window of its own targets. In shard_map, XLA sums over devices; otherwise, only sums
    over blocks can differ from those of the whole matrix."""
    found = run("generated", law, along, mode, seed=seed, devices="1,4")
    over_blocks = ["conn @ spikes"]
    assert found["differ"] == (over_blocks if mode == "shard_map" and found["differ"] else [])
    assert set(found["differ from the whole"]) <= set(over_blocks)
    if mode != "shard_map":
        assert found["collectives"] == ["all-gather u32[4]"]  # 128 neurons, 32 per word
        assert found["largest"] < 8192  # no array has a number per target; a device has a quarter of them
        assert found["bytes"] < 100


@pytest.mark.slow
def test_the_example_in_one_and_in_several_processes() -> None:
    """The raster of 300 steps is the same on one and four devices, and on two and four processes connected by gloo."""
    example = PROGRAMS.parents[1] / "examples" / "devices.py"
    printed = set()
    for options in (
        [],
        ["--devices", "4"],
        ["--devices", "2", "--processes", "2"],
        ["--devices", "8", "--processes", "4"],
    ):
        environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
        command = [sys.executable, str(example), *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if "spikes" in line]
        printed.add(line)
    assert len(printed) == 1
    assert int(printed.pop().split()[0]) > 1000


@pytest.mark.slow
def test_resumed_on_another_number_of_devices(tmp_path: Path, seed: int) -> None:
    """A network saved by orbax on four devices and resumed on two fires the same spikes."""
    pytest.importorskip("orbax.checkpoint")
    path = str(tmp_path / "checkpoint")
    saved = run("checkpoint", "save", path, seed=seed, devices="4")
    assert saved["spikes"] > 50
    assert run("checkpoint", "resume", path, seed=seed, devices="2") == saved


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only there private memory can be limited")
def test_a_network_that_fits_into_no_process_alone(seed: int) -> None:
    """Each of two processes may use less memory than the network needs, and stores half of it; a single process can't
    even read it."""

    def started(processes: int, process: int, port: int) -> subprocess.Popen[str]:
        # Threads have stacks and arenas, which count as memory of the process even if they are not used.
        few = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
        own = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1", "BRAINEVENT_BACKEND": "numba"}
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        case = [f"localhost:{port}", str(processes), str(process)]
        command = [sys.executable, str(PROGRAMS), "memory", str(seed % 2**31), "1", *case]
        limited = ["/bin/sh", "-c", 'ulimit -s 1024; exec "$@"', "sh", *command]
        return subprocess.Popen(limited, env=os.environ | few | own, **pipes)

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    both = [started(2, process, port) for process in range(2)]
    printed = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], printed[0][1]
    found = [json.loads(output.splitlines()[-1]) for output, _ in printed]
    assert found[0] == found[1]
    assert found[0]["nse"] * 8 == 2 * found[0]["bytes"]
    assert found[0]["limit"] < 0.8 * 2 * found[0]["bytes"]
    assert all(value > 0 for value in found[0]["sums"])
    alone = started(1, 0, port)
    _, errors = alone.communicate()
    assert alone.returncode != 0
    assert "Error" in errors or "memory" in errors


# -- on one device -----------------------------------------------------------------------------------------------------


def one_device() -> Mesh:
    return Mesh(np.array(jax.devices()[:1]), ("x",))


def split_in(blocks: int, by: Any = "post") -> Split:
    return Split(one_device(), "x", by=by, blocks=blocks)


def drawn(rng: np.random.Generator, shape: tuple[int, int] = (12, 8)) -> np.ndarray:
    return np.where(rng.random(shape) < 0.4, rng.uniform(0.5, 1.5, shape), 0).astype(np.float32)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("by", ["post", "pre"])
@pytest.mark.parametrize("cls", CLASSES)
def test_there_and_back(cls: str, by: str, rng: np.random.Generator) -> None:
    """Joined blocks equal the matrix: with a unit, with a homogeneous weight, and with a column index."""
    matrix = getattr(brainevent, cls).fromdense(drawn(rng))
    conn = sharding.shard(matrix * u.nS, split_in(4, by))
    assert type(conn) is type(matrix)
    assert conn.shape == matrix.shape
    assert conn.split == split_in(4, by)
    assert conn.T.split == split_in(4, "pre" if by == "post" else "post")
    arrays = (matrix.data * u.nS, *matrix._structure)
    unchecked: Any = {} if cls == "Dense" else {"check": False}  # rows are padded with indices out of range
    made = type(matrix)(*arrays, shape=matrix.shape, split=split_in(4, by), **unchecked)
    for one, other in zip(jax.tree.leaves(made), jax.tree.leaves(conn), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(leaf.shape[0] == 4 for leaf in jax.tree.leaves(conn))
    whole = sharding.unshard(conn)
    assert whole.split is None
    if cls == "COO":
        assert whole.rows_sorted
        assert (np.diff(whole.row) >= 0).all()
    np.testing.assert_array_equal(whole.todense() / u.nS, matrix.todense())
    np.testing.assert_array_equal(sharding.unshard(conn.T).todense() / u.nS, matrix.todense().T)
    if cls == "Dense":
        return
    same = sharding.shard(matrix.with_data(2.0), split_in(4, by))
    assert same.data.shape == ()
    np.testing.assert_array_equal(sharding.unshard(same).todense(), matrix.with_data(2.0).todense())
    assert brainevent.grad(lambda conn: (jnp.ones(12) @ conn).sum())(same) == (matrix.todense() != 0).sum()
    if hasattr(matrix, "with_csc_index"):
        indexed = sharding.shard(matrix.with_csc_index(), split_in(4, by))
        assert indexed.has_csc_index
        again = conn.with_csc_index()
        for one, other in zip(indexed._structure, again._structure, strict=True):
            np.testing.assert_array_equal(one, other)
        assert sharding.unshard(indexed).has_csc_index


def test_entries_outside_stay_outside(rng: np.random.Generator) -> None:
    """Unchecked indices out of range must not become synapses of the next block."""
    indices = rng.integers(-3, 12, 60).astype(np.int8)
    indptr = np.sort(rng.integers(0, 61, 13))
    csr = brainevent.CSR(rng.random(60).astype(np.float32), indices, indptr, shape=(12, 8), check=False)
    for matrix in (csr, csr.T, csr.tocoo()):
        for by in ("post", "pre"):
            conn = sharding.shard(matrix, split_in(4, by))
            np.testing.assert_array_equal(sharding.unshard(conn).todense(), matrix.todense())
            x = jnp.ones(matrix.shape[0])
            np.testing.assert_allclose(x @ conn, x @ matrix, rtol=1e-5)


DELAYS: dict[str, Callable[[np.random.Generator, Any], Any]] = {
    "all": lambda rng, matrix: 3,
    "rows": lambda rng, matrix: rng.integers(1, 6, 12),
    "columns": lambda rng, matrix: rng.integers(1, 6, (1, 8)),
    "entries": lambda rng, matrix: rng.integers(1, 6, matrix.data.shape),
}


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls != "Dense"])
@pytest.mark.parametrize("by", ["post", "pre"])
@pytest.mark.parametrize("each", DELAYS)
def test_delays_of_blocks(cls: str, by: str, each: str, rng: np.random.Generator) -> None:
    """They equal those of the matrix after splitting and joining, and events arrive at the same time."""
    matrix = getattr(brainevent, cls).fromdense(drawn(rng)) * u.nS
    delayed = matrix.with_delay(DELAYS[each](rng, matrix))
    conn = sharding.shard(delayed, split_in(4, by))
    assert conn.delay is not None
    back = sharding.unshard(conn)
    assert (back.with_delay(None).todense() == matrix.todense()).all()
    spikes = jnp.asarray(rng.random(12) < 0.5)
    rings = [brainevent.DelayRing(6, 8, unit=u.nS).add(spikes, one).buffer / u.nS for one in (delayed, back)]
    np.testing.assert_array_equal(*rings)
    ring = brainevent.DelayRing(6, 8, unit=u.nS, split=split_in(4))
    if by == "post":
        ring = ring.add(spikes, conn)
        np.testing.assert_array_equal(jnp.concatenate(list(ring.buffer / u.nS), 1), rings[0])
        assert not (ring.now / u.nS).any()
        assert (ring.slots, ring.n_post, ring.split) == (6, 8, split_in(4))
        assert "4 blocks over 'x'" in repr(ring)
    else:
        with pytest.raises(brainevent.MathError, match="split both in the same way"):
            ring.add(spikes, conn)
        # The transpose is split by its postsynaptic neurons, to which it delivers.
        turned = brainevent.DelayRing(6, 12, unit=u.nS, split=conn.T.split).add(jnp.ones(8, bool), conn.T)
        whole = brainevent.DelayRing(6, 12, unit=u.nS).add(jnp.ones(8, bool), delayed.T)
        np.testing.assert_allclose(jnp.concatenate(list(turned.buffer / u.nS), 1), whole.buffer / u.nS, rtol=1e-6)


def test_delays_of_blocks_with_one_entry_in_each_row(rng: np.random.Generator) -> None:
    """The shape of such a block doesn't tell whether delays are per row or per entry; that of the other blocks does."""
    dense = np.zeros((12, 8))
    dense[:, 0] = dense[:, 3] = dense[np.arange(12), rng.integers(4, 6, 12)] = 1
    for delays in (rng.integers(1, 6, (12, 1)), rng.integers(1, 6, (12, 3))):
        delayed = brainevent.FixedPostNumConn.fromdense(dense).with_delay(delays)
        back = sharding.unshard(sharding.shard(delayed, split_in(4)))
        spikes = jnp.ones(12, bool)
        np.testing.assert_array_equal(*(brainevent.DelayRing(6, 8).add(spikes, one).buffer for one in (delayed, back)))


def test_other_delays_of_blocks(rng: np.random.Generator) -> None:
    conn = sharding.shard(brainevent.CSR.fromdense(drawn(rng)), split_in(4))
    delayed = conn.with_delay(2)
    assert delayed.delay is not None
    assert delayed.delay.shape == (4, 1)
    assert delayed.with_delay(None).delay is None
    spikes = jnp.ones(12, bool)
    each = conn.with_delay(jnp.full(conn.data.shape, 2, jnp.uint8))
    ring = brainevent.DelayRing(3, 8, split=split_in(4))
    np.testing.assert_array_equal(ring.add(spikes, each).buffer, ring.add(spikes, delayed).buffer)
    for call, message in (
        (lambda: conn.with_delay(np.arange(1, 13)), "to the matrix before it is split"),
        (lambda: conn.with_delay(0), "at least 1"),
        (lambda: ring.add(spikes, conn), "has no delays"),
        (lambda: ring.add(spikes, conn.with_delay(3)), "slots=4"),
        (lambda: ring.add_steps((jnp.ones((3, 12), bool), delayed)), "the smallest delay is 2: deliver"),
        (lambda: ring.add_steps((spikes, delayed)), r"\(steps, n\), got \(12,\)"),
        (lambda: ring.add_steps(*((jnp.ones((m, 12)), delayed) for m in (1, 2))), "of the same steps"),
        (lambda: ring.add_steps((spikes[None], jnp.ones((12, 8)))), "takes a matrix with delays"),  # type: ignore[arg-type]
        (lambda: brainevent.DelayRing(3, 8).add(spikes, delayed), r"DelayRing\(slots, n_post, split=matrix.split\)"),
        (lambda: brainevent.DelayRing(3, 8, split=split_in(2)).add(spikes, delayed), "split both in the same way"),
        (lambda: brainevent.DelayRing(3, 9, split=split_in(4)), "9 postsynaptic neurons can't be split"),
        (lambda: brainevent.DelayRing(3, 8, split=split_in(4, "pre")), "its own neurons"),
        (lambda: brainevent.DelayRing(3, 8, split="x"), "takes a brainevent.sharding.Split"),  # type: ignore[arg-type]
    ):
        with pytest.raises(brainevent.BrainEventError, match=message):
            call()  # type: ignore[no-untyped-call]
    blocks = [{"delay": 1}, {"delay": 2}, {}, {"delay": np.arange(1, 13)}]

    def reader(order: list[int]) -> Callable[[int, int], Any]:
        def read(start: int, stop: int) -> Any:
            return brainevent.CSR.fromdense(np.ones((12, stop - start))).with_delay(
                blocks[order[start // 2]].get("delay")
            )

        return read

    options: Any = {"shape": (12, 8), "split": split_in(4)}
    found = sharding.unshard(brainevent.CSR.from_blocks(reader([0, 1, 0, 1]), **options))
    np.testing.assert_array_equal(found.delay, [1, 1, 2, 2] * 24)
    for order, message in (([0, 1, 2, 0], "all of them delays or none"), ([0, 3, 0, 0], "in the same way")):
        with pytest.raises(brainevent.MathError, match=message):
            brainevent.CSR.from_blocks(reader(order), **options)


def test_units_and_weights_of_models(rng: np.random.Generator) -> None:
    dense = drawn(rng)
    conn = sharding.shard(brainevent.CSR.fromdense(dense * u.nS), split_in(2))
    spikes = rng.random(12) < 0.5
    np.testing.assert_allclose((BinaryArray(spikes) @ conn) / u.nS, spikes @ dense, rtol=1e-5)
    current = (spikes * 2.0 * u.mV) @ conn
    assert current.unit.has_same_dim(u.pA)
    model = {"recurrent": conn, "bias": jnp.zeros(8)}
    trained = brainevent.with_weights(model, jax.tree.map(lambda w: 2 * w, brainevent.weights(model)))
    assert trained["recurrent"].split == conn.split
    np.testing.assert_allclose((BinaryArray(spikes) @ trained["recurrent"]) / u.nS, 2 * (spikes @ dense), rtol=1e-5)
    with pytest.raises(u.UnitMismatchError):
        conn.update_on_pre(spikes, jnp.ones(8) * u.mV)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "todense": lambda conn: conn.todense(),
    "tocoo": lambda conn: conn.tocoo(),
    "tocsr": lambda conn: conn.tocsr(),
    "tocsc": lambda conn: conn.tocsc(),
    "row": lambda conn: conn[1],
    "element": lambda conn: conn[1, 2],
    "columns": lambda conn: conn[:, 2],
    "iteration": lambda conn: next(iter(conn)),
    "array": lambda conn: conn * jnp.ones((12, 8)),
    "sum with an array": lambda conn: conn + jnp.ones((12, 8)),
    "comparison": lambda conn: conn > 1.0,
    "power": lambda conn: conn**2,
    "degrees": lambda conn: conn.in_degrees(),
    "slices": lambda conn: conn.slice_rows([1]),
    "layout of delays": lambda conn: conn.delay_layout(jnp.ones(conn.nse, int), 3),
    "diagonal": lambda conn: conn.diag_add(1.0),
    "sorted": lambda conn: conn.sort_indices(),
    "bounds of neurons": lambda conn: conn.update_on_pre(jnp.ones(12, bool), 1.0, w_max=jnp.ones((12, 1))),
    "file": lambda conn: brainevent.save("/dev/null", conn),
    "SciPy": lambda conn: conn.to_scipy(),
    "in jit": jax.jit(lambda conn: conn.todense()),
}


@pytest.mark.parametrize("cls", CLASSES)
def test_what_needs_a_whole_matrix_says_so(cls: str, rng: np.random.Generator) -> None:
    conn = sharding.shard(getattr(brainevent, cls).fromdense(drawn(rng)), split_in(4))
    only = {
        "layout of delays": ("CSR",),
        "slices": ("CSR", "CSC"),
        "diagonal": ("CSR", "CSC"),
        "sorted": ("COO",),
    }
    for name, operation in REFUSED.items():
        if cls in only.get(name, (cls,)):
            with pytest.raises(brainevent.UnsupportedOperationError, match=r"sharding\.unshard"):
                operation(conn)


def test_solving_needs_a_whole_matrix() -> None:
    conn = sharding.shard(brainevent.CSR.fromdense(np.eye(8, dtype=np.float32)), split_in(4))
    with pytest.raises(brainevent.UnsupportedOperationError, match=r"sharding\.unshard"):
        conn.solve(jnp.ones(8))


def test_what_acts_on_weights_alone(rng: np.random.Generator) -> None:
    dense = drawn(rng)
    conn = sharding.shard(brainevent.CSR.fromdense(dense), split_in(4))
    for found, expected in (
        (2 * conn, 2 * dense),
        (-conn, -dense),
        (conn / 2, dense / 2),
        (conn + conn, 2 * dense),
        (conn.astype("float16"), dense.astype(np.float16)),
        (conn.apply(lambda w: w + 1), np.where(dense != 0, dense + 1, 0)),
    ):
        assert found.split == conn.split
        np.testing.assert_array_equal(sharding.unshard(found).todense(), expected)
    np.testing.assert_allclose(conn.sum(axis=0), dense.sum(0), rtol=1e-5)
    assert "4 blocks by post over 'x'" in repr(conn)
    assert "4 blocks by post over" in conn._repr_html_()
    bounded = conn.update_on_pre(np.ones(12, bool), 1.0, w_max=conn.data + 0.5)
    np.testing.assert_allclose(sharding.unshard(bounded).todense(), np.where(dense != 0, dense + 0.5, 0), rtol=1e-6)


def test_another_split_of_what_is_split(rng: np.random.Generator) -> None:
    dense = drawn(rng)
    conn = sharding.shard(brainevent.COO.fromdense(dense), split_in(4))
    moved = sharding.shard(conn, Split(Mesh(np.array(jax.devices()[:1]), ("y",)), "y", blocks=4))
    assert moved.split is not None
    assert moved.split.axis == "y"
    assert moved.nse == conn.nse
    for split in (split_in(2), split_in(4, "pre")):
        np.testing.assert_array_equal(sharding.unshard(sharding.shard(conn, split)).todense(), dense)


def test_wrong_splits_say_what_is_wrong(rng: np.random.Generator) -> None:
    mesh, matrix = one_device(), brainevent.CSR.fromdense(drawn(rng))
    for call, message in (
        (lambda: Split(mesh, "y"), "axis must be the name of an axis"),
        (lambda: Split(mesh, "x", by="both"), 'by must be "post" or "pre"'),  # type: ignore[arg-type]
        (lambda: Split(mesh, "x", blocks=0), "blocks must be a multiple of the 1 devices"),
        (lambda: Split(jax.devices(), "x"), "takes a jax.sharding.Mesh"),  # type: ignore[arg-type]
        (lambda: sharding.shard(matrix, split_in(3)), "8 postsynaptic neurons can't be split into 3 blocks"),
        (lambda: sharding.shard(matrix, "x"), "takes a Split"),  # type: ignore[arg-type]
        (lambda: sharding.shard(jnp.ones((2, 2)), split_in(2)), "shard takes a matrix"),  # type: ignore[type-var]
        (lambda: jax.jit(lambda m: sharding.shard(m, split_in(2)))(matrix), "outside of jit"),
        (lambda: jax.jit(sharding.unshard)(sharding.shard(matrix, split_in(2))), "outside of jit"),
        (lambda: jnp.ones(7) @ sharding.shard(matrix, split_in(2)), "length 12"),
        (lambda: sharding.exchange(jnp.ones(4), "x"), "inside jax.shard_map"),
    ):
        with pytest.raises(brainevent.MathError, match=message):
            call()  # type: ignore[no-untyped-call]
    assert hash(split_in(4)) == hash(split_in(4))
    assert split_in(4) == split_in(4) != split_in(2)


def test_formats_that_cannot_be_split_are_named(rng: np.random.Generator) -> None:
    blocks = Blocks((jnp.ones((1, 2, 2)), [0], [0]), shape=(4, 4))
    with pytest.raises(brainevent.UnsupportedOperationError, match="'blocks' can't be split"):
        sharding.shard(blocks, split_in(2))


def test_generated_matrices_there_and_back(rng: np.random.Generator) -> None:
    conn = brainevent.JITCUniformR(0.5 * u.nS, 1.5 * u.nS, 0.3, 7, shape=(12, 8))
    for by in ("post", "pre"):
        split = split_in(4, by)
        blocks = sharding.shard(conn, split)
        assert blocks.split == split
        assert blocks.T.split == split_in(4, "pre" if by == "post" else "post")
        assert (sharding.unshard(blocks.T).todense() == conn.todense().T).all()
        assert (sharding.unshard(sharding.shard(blocks, split_in(2))).todense() == conn.todense()).all()
        assert "4 blocks" in repr(blocks)
        np.testing.assert_allclose(
            (BinaryArray(jnp.ones(12, bool)) @ (2 * blocks)) / u.nS, 2 * conn.todense().sum(0) / u.nS, rtol=1e-5
        )
        drawn_in_jit = jax.jit(
            lambda seed, by=by: brainevent.JITCScalarR(1.0, 0.5, seed, shape=(4, 8), split=split_in(4, by))
        )
        assert drawn_in_jit(3).split == split
        for name, operation in REFUSED.items():
            if name not in ("slices", "layout of delays", "diagonal", "sorted", "power", "bounds of neurons", "file"):
                with pytest.raises(brainevent.BrainEventError, match=r"sharding\.unshard|tocsr|todense"):
                    operation(blocks)
        with pytest.raises(brainevent.UnsupportedOperationError, match="materialises"):
            blocks.update_on_pre(jnp.ones(12, bool), 1.0)
    with pytest.raises(brainevent.MathError, match="8 postsynaptic neurons can't be split"):
        brainevent.JITCScalarR(1.0, 0.1, 0, shape=(4, 8), split=split_in(3))


def test_another_mesh_in_use_is_an_error(rng: np.random.Generator) -> None:
    conn = sharding.shard(brainevent.CSR.fromdense(drawn(rng)), split_in(4))
    with (
        jax.set_mesh(Mesh(np.array(jax.devices()[:1]), ("y",))),
        pytest.raises(brainevent.MathError, match="use the mesh of its split"),
    ):
        jnp.ones(12) @ conn


# -- constructed in blocks ---------------------------------------------------------------------------------------------


POSITIONS = np.linspace(0, 1, 12)
RULES: dict[str, tuple[str, Callable[..., Any]]] = {
    "one_to_one": ("pre", lambda **options: connect.one_to_one(12, **options)),
    "all_to_all": ("pre", lambda **options: connect.all_to_all(12, 12, allow_autapses=False, **options)),
    "pairwise_bernoulli": ("pre", lambda **options: connect.pairwise_bernoulli(12, 12, 0.4, symmetric=True, **options)),
    "fixed_outdegree": ("pre", lambda **options: connect.fixed_outdegree(12, 8, 3, **options)),
    "fixed_indegree": ("post", lambda **options: connect.fixed_indegree(8, 12, 3, **options)),
    "distance": ("pre", lambda **options: connect.distance(POSITIONS, POSITIONS, 0.5, radius=0.4, **options)),
}
OTHER = {"pre": "post", "post": "pre"}


@pytest.mark.parametrize("rule", RULES)
def test_rules_draw_blocks_of_the_same_network(rule: str, seed: int) -> None:
    by, draw = RULES[rule]
    options: dict[str, Any] = {"weight": connect.Uniform(0.5 * u.nS, 1.5 * u.nS), "seed": seed}
    formats = ("csr", "csc", "coo", "dense", "fixed_pre_num" if by == "post" else "fixed_post_num")
    for name in formats if rule in ("fixed_indegree", "fixed_outdegree") else formats[:1]:
        whole = draw(**options, format=name)
        conn = draw(**options, format=name, split=split_in(4, by))
        assert type(conn) is type(whole)
        assert conn.split == split_in(4, by)
        assert (sharding.unshard(conn).todense() == whole.todense()).all()
    whole, conn = (draw(**options, delay=connect.Uniform(1, 300), split=split) for split in (None, split_in(4, by)))
    assert whole.delay.dtype == conn.delay.dtype
    back = sharding.unshard(conn)
    for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(brainevent.UnsupportedOperationError, match=rf"connect\.{rule} draws by .* take Split\("):
        draw(**options, split=split_in(4, OTHER[by]))
    turned = draw(**options, split=split_in(4, by)).T
    assert turned.split == split_in(4, OTHER[by])


def test_rules_that_draw_no_blocks_say_so(rng: np.random.Generator) -> None:
    split = split_in(4)
    for call, message in (
        (lambda: connect.fixed_total_number(8, 8, 9, split=split), "connect.fixed_total_number draws all synapses"),
        (lambda: connect.fixed_indegree(8, 8, 2, split=split, columns=(0, 2)), "columns= asks for a part"),
        (lambda: connect.fixed_indegree(8, 8, 2, split=split, weight=rng.random(16)), "draws each block alone"),
        (lambda: connect.fixed_indegree(8, 8, 2, split=split, delay=np.full(16, 2)), "an array has a delay for each"),
        (lambda: connect.fixed_indegree(8, 9, 2, split=split), "9 postsynaptic neurons can't be split into 4"),
        (lambda: connect.fixed_indegree(8, 8, 2, split="x"), "takes a brainevent.sharding.Split"),  # type: ignore[arg-type]
        (lambda: connect.fixed_indegree(8, 8, 2, split=split, format="cs"), "format must be one of"),  # type: ignore[arg-type]
    ):
        with pytest.raises(brainevent.BrainEventError, match=message):
            call()  # type: ignore[no-untyped-call]


def test_blocks_that_are_read_one_by_one(rng: np.random.Generator) -> None:
    dense = drawn(rng)
    asked = []

    def read_block(start: int, stop: int) -> Any:
        asked.append((start, stop))
        block = brainevent.CSR.fromdense(dense[:, start:stop] * u.nS)
        return block if start else (block.data, block.indices, block.indptr)

    conn = brainevent.CSR.from_blocks(read_block, shape=(12, 8), split=split_in(4))
    assert asked == [(0, 2), (2, 4), (4, 6), (6, 8)]
    shared = sharding.shard(brainevent.CSR.fromdense(dense * u.nS), split_in(4))
    for one, other in zip(jax.tree.leaves(conn), jax.tree.leaves(shared), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = brainevent.Dense.from_blocks(
        lambda start, stop: (dense[start:stop],), shape=(12, 8), split=split_in(2, "pre")
    )
    np.testing.assert_array_equal(sharding.unshard(rows).todense(), dense)
    for read, message in (
        (lambda start, stop: brainevent.CSR.fromdense(dense), r"block from 0 to 2 must be a CSR of shape \(12, 2\)"),
        (lambda start, stop: brainevent.COO.fromdense(dense[:, start:stop]), "must be a CSR"),
        (lambda start, stop: (np.full(12, start), np.zeros(12, int), np.arange(13)), None),
        (lambda start, stop: (float(start), np.zeros(12, int), np.arange(13)), "is the same in all blocks"),
    ):
        if message is None:
            brainevent.CSR.from_blocks(read, shape=(12, 8), split=split_in(4))
            continue
        with pytest.raises(brainevent.MathError, match=message):
            brainevent.CSR.from_blocks(read, shape=(12, 8), split=split_in(4))
