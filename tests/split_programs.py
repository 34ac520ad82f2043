"""The programs that `test_split.py` runs on several devices, in separate processes, with matrices in blocks.

python tests/split_programs.py TABLE SEED DEVICES,... CLASS MODE BY
"""

import hashlib
import json
import os
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import brainevent
from brainevent import BinaryArray, sharding

BLOCKS, N_PRE, N_POST = 8, 512, 64
MODES = {"auto": AxisType.Auto, "explicit": AxisType.Explicit, "shard_map": AxisType.Auto}


def mesh_of(devices: int, mode: str) -> Mesh:
    return Mesh(np.array(jax.devices()[:devices]), ("x",), axis_types=(MODES[mode],))


def placed(mesh: Mesh, array: np.ndarray) -> jax.Array:
    """An array that is split along its last axis."""
    spec = P(*[None] * (array.ndim - 1), "x")
    return jax.make_array_from_callback(array.shape, NamedSharding(mesh, spec), lambda where: array[where])


def drawn(cls: str, seed: int) -> tuple[np.ndarray, brainevent.DataRepresentation]:
    """A dense array, and a matrix with the same elements."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((N_PRE, N_POST)) < 0.1, rng.uniform(0.5, 1.5, (N_PRE, N_POST)), 0).astype(np.float32)
    return dense, getattr(brainevent, cls).fromdense(dense)


def specs_of(tree):  # type: ignore[no-untyped-def]
    return jax.tree.map(lambda leaf: leaf.sharding.spec, tree)


# -- programs: (matrix, spikes of the pre- and the postsynaptic side, traces of both) → results by name ----------------


def operations(conn, pre, post, pre_trace, post_trace):  # type: ignore[no-untyped-def]
    events = BinaryArray(pre)
    return {
        "spikes @ conn": events @ conn,
        "numbers @ conn": pre_trace @ conn,
        "conn @ spikes": conn @ BinaryArray(post),
        "conn.T @ spikes": conn.T @ events,
        "batch @ conn": BinaryArray(jnp.stack([pre, ~pre])) @ conn,
        "packed @ conn": brainevent.BitPackedBinary(pre) @ conn,
        "vmap": jax.vmap(lambda s: BinaryArray(s) @ conn)(jnp.stack([pre, ~pre])),
        "scan": jax.lax.scan(lambda c, _: (c, BinaryArray(c) @ conn), pre, length=2)[1],
        "gradient by weights": brainevent.grad(lambda conn: ((events @ conn) ** 2).sum())(conn),
        "gradient by spikes": jax.grad(lambda x: ((BinaryArray(x) @ conn) ** 2).sum())(pre_trace),
        "on_pre": conn.update_on_pre(pre, post_trace, w_max=2.0).data,
        "on_post": conn.update_on_post(pre_trace, post).data,
        "yw_to_w": conn.yw_to_w(pre_trace, conn.data),
    }


#: Results that are not reproducible bit for bit: sums over devices whose order XLA determines.
BY_XLA = ("gradient by spikes",)


def locally(conn, pre, post, pre_trace, post_trace):  # type: ignore[no-untyped-def]
    """Inside a ``shard_map`` of the user, the matrix is local, and the program shows all communication."""
    events, trace = sharding.exchange(pre, "x"), jax.lax.all_gather(pre_trace, "x", tiled=True)
    return {
        "spikes @ conn": events @ conn,
        "numbers @ conn": trace @ conn,
        "conn.T @ spikes": conn.T @ events,
        "on_pre": conn.update_on_pre(events, post_trace, w_max=2.0).data,
        "on_post": conn.update_on_post(trace, post).data,
        "yw_to_w": conn.yw_to_w(trace, conn.data),
        "gradient by weights": brainevent.grad(lambda conn: ((events @ conn) ** 2).sum())(conn),
    }


def expected(dense, exists, pre, post, pre_trace, post_trace):  # type: ignore[no-untyped-def]
    """The results according to NumPy; for operations that return weights, all elements."""
    both = np.stack([pre, ~pre])
    product = pre @ dense
    return {
        "spikes @ conn": product,
        "numbers @ conn": pre_trace @ dense,
        "conn @ spikes": dense @ post,
        "conn.T @ spikes": product,
        "batch @ conn": both @ dense,
        "packed @ conn": product,
        "vmap": both @ dense,
        "scan": np.stack([product] * 2),
        "gradient by weights": 2 * np.outer(pre, product) * exists,
        "gradient by spikes": 2 * dense @ ((pre_trace != 0) @ dense),
        "on_pre": np.minimum(dense + np.outer(pre, post_trace), 2) * exists,
        "on_post": (dense + np.outer(pre_trace, post)) * exists,
        "yw_to_w": pre_trace[:, None] * dense,
    }


def compare(cls: str, mode: str, by: str, seed: int, devices: list[int]) -> dict[str, object]:
    """All operations on each number of devices, compared with NumPy, and with each other bit for bit."""
    dense, matrix = drawn(cls, seed)
    rng = np.random.default_rng(seed + 1)
    pre, post = rng.random(N_PRE) < 0.2, rng.random(N_POST) < 0.2
    arrays = (pre, post, np.where(pre, 1.5, 0).astype(np.float32), rng.random(N_POST).astype(np.float32))
    wanted = expected(dense, dense != 0 if cls != "Dense" else True, *arrays)
    bits: dict[str, set[str]] = {}
    backends: set[str] = set()
    for count in devices:
        mesh = mesh_of(count, mode)
        conn = sharding.shard(matrix, sharding.Split(mesh, "x", by=by, blocks=BLOCKS))
        np.testing.assert_array_equal(sharding.unshard(conn).todense(), dense)
        given = (conn, *(placed(mesh, array) for array in arrays))
        program = operations
        if mode == "shard_map":
            out = dict.fromkeys(["spikes @ conn", "numbers @ conn", "conn.T @ spikes"], P("x"))
            out |= dict.fromkeys(["on_pre", "on_post", "yw_to_w", "gradient by weights"], P("x"))
            program = jax.shard_map(locally, mesh=mesh, in_specs=specs_of(given), out_specs=out)
        with jax.set_mesh(mesh), brainevent.get_registry().record() as lowered:
            found = jax.jit(program)(*given)
        backends |= {selection.backend for selection in lowered if selection.primitive == "matmul"}
        for name, array in found.items():
            value = np.asarray(array)
            if value.ndim > 1 and value.shape[0] == BLOCKS and name not in ("batch @ conn", "vmap", "scan"):
                value = np.asarray(sharding.unshard(conn.with_data(array)).todense())
            np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-5, err_msg=f"{name} on {count}")
            if name not in BY_XLA:
                bits.setdefault(name, set()).add(hashlib.sha256(np.asarray(array).tobytes()).hexdigest())
    return {
        "compared": len(found),
        "differ": sorted(name for name, each in bits.items() if len(each) > 1),
        "backends": sorted(backends),
    }


# -- compiled programs -------------------------------------------------------------------------------------------------

COLLECTIVES = "all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute|collective-broadcast"


def collectives(compiled: jax.stages.Compiled) -> list[str]:
    """The collectives of a compiled program, with the shapes of their results."""
    found = re.findall(rf"= (.+?) ({COLLECTIVES})(?:-start)?\(", compiled.as_text())
    return sorted(f"{kind} {re.sub(r'{[0-9,]*}', '', shape)}" for shape, kind in found)


def compiled_of(program, mesh, *given):  # type: ignore[no-untyped-def]
    with jax.set_mesh(mesh):
        return jax.jit(program).lower(*given).compile()


def traffic(cls: str, mode: str, by: str, seed: int, devices: list[int]) -> dict[str, object]:
    """The communication of each step, the memory per device, and what a replicated matrix would look like."""
    _, matrix = drawn(cls, seed)
    pre = np.random.default_rng(seed).random(N_PRE) < 0.2
    found: dict[str, object] = {"nse": matrix.nse}
    for count in devices:
        mesh = mesh_of(count, mode)
        conn = sharding.shard(matrix, sharding.Split(mesh, "x", by=by, blocks=BLOCKS))
        spikes, trace = placed(mesh, pre), placed(mesh, np.ones(N_POST, np.float32))
        step = compiled_of(lambda conn, s: BinaryArray(s) @ conn, mesh, conn, spikes)
        learn = compiled_of(lambda conn, s, y: conn.update_on_pre(s, y).data, mesh, conn, spikes, trace)
        back = compiled_of(lambda conn, s: conn @ BinaryArray(s), mesh, conn, placed(mesh, np.ones(N_POST, bool)))
        own = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(conn))
        found[str(count)] = {
            "spikes @ conn": collectives(step),
            "on_pre": collectives(learn),
            "conn @ spikes": collectives(back),
            "bytes": own,
            "temporary": step.memory_analysis().temp_size_in_bytes,
            "arguments": step.memory_analysis().argument_size_in_bytes,
        }
        if count == devices[-1]:
            move = jax.lax.with_sharding_constraint if mode == "auto" else jax.sharding.reshard

            def replicating(conn, s):  # type: ignore[no-untyped-def]
                return BinaryArray(s) @ conn.with_data(2 * move(conn.data, NamedSharding(mesh, P())))  # noqa: B023

            def learning(conn, s, y):  # type: ignore[no-untyped-def]
                return jax.lax.scan(lambda conn, _: (conn.update_on_pre(s, y), None), conn, length=3)[0].data

            found["learning"] = compiled_of(learning, mesh, conn, spikes, trace).as_text()
            found["weights"] = conn.data.size // count
            found["planted"] = collectives(compiled_of(replicating, mesh, conn, spikes))
    return found


def exchange(mode: str, seed: int, devices: list[int]) -> dict[str, object]:
    """The spikes of all devices on each device: as bits, as lists, and where one device has too many for its list."""
    rng, found = np.random.default_rng(seed), {}
    mesh = mesh_of(devices[-1], mode)
    for each, capacity in ((4096, None), (4096, 8), (40, None), (1000, 8)):
        n = each * devices[-1]
        few = np.zeros(n, bool)
        few[rng.permutation(n)[:5]] = True
        crowded = few.copy()
        crowded[-each // 2 :] = True  # on the last device only

        def everywhere(spikes):  # type: ignore[no-untyped-def]
            events = sharding.exchange(spikes, "x", capacity=capacity)  # noqa: B023
            return events.value[None], jnp.int32([isinstance(events, brainevent.BitPackedBinary)])

        shared = jax.shard_map(everywhere, mesh=mesh, in_specs=P("x"), out_specs=(P("x"), P("x")))
        call = compiled_of(shared, mesh, placed(mesh, few))
        for spikes in (few, crowded, ~few):
            seen, packed = call(placed(mesh, spikes))
            assert all((one == spikes).all() for one in np.asarray(seen)), (each, capacity)
            assert (np.asarray(packed) == (each % 32 == 0)).all()
        found[f"{each} {capacity}"] = collectives(call)
    batch = rng.random((3, 40 * devices[-1])) < 0.3
    shared = jax.shard_map(
        lambda s: sharding.exchange(BinaryArray(s), "x", capacity=1).value[None],
        mesh=mesh,
        in_specs=P(None, "x"),
        out_specs=P("x"),
    )
    assert all((one == batch).all() for one in np.asarray(shared(placed(mesh, batch))))
    return found


def grid(kind: str, seed: int, devices: list[int]) -> dict[str, object]:
    """A mesh with two axes: the matrix is split over one of them, and a batch of spikes over the other."""
    dense, matrix = drawn("CSR", seed)
    types = {
        "auto": (AxisType.Auto,) * 2,
        "explicit": (AxisType.Explicit,) * 2,
        "mixed": (AxisType.Explicit, AxisType.Auto),
    }
    mesh = Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("batch", "x"), axis_types=types[kind])
    conn = sharding.shard(matrix, sharding.Split(mesh, "x", blocks=BLOCKS))
    spikes = np.random.default_rng(seed).random((4, N_PRE)) < 0.2
    batch = jax.device_put(spikes, NamedSharding(mesh, P("batch", "x")))
    vector, post = placed(mesh, spikes[0]), placed(mesh, np.ones(N_POST, bool))
    found = {}
    for name, program, given, wanted in (
        ("batch", lambda conn, s: BinaryArray(s) @ conn, batch, spikes @ dense),
        ("vmap", lambda conn, s: jax.vmap(lambda s: BinaryArray(s) @ conn)(s), batch, spikes @ dense),
        ("vector", lambda conn, s: BinaryArray(s) @ conn, vector, spikes[0] @ dense),
        ("back", lambda conn, s: conn @ BinaryArray(s), post, dense.sum(1)),
        (
            "inside of the other axis",
            lambda conn, s: jax.shard_map(
                lambda conn, s: BinaryArray(s) @ conn,
                in_specs=(P(), P("batch")),
                out_specs=P("batch"),
                axis_names={"batch"},
            )(conn, s),
            batch,
            spikes @ dense,
        ),
    ):
        program = compiled_of(program, mesh, conn, given)
        np.testing.assert_allclose(program(conn, given), wanted, rtol=1e-4, atol=1e-5, err_msg=name)
        found[name] = collectives(program)
    return found


# -- delays and learning rules -----------------------------------------------------------------------------------------

SLOTS, STEPS, SOURCES = 12, 9, 128


def delays(cls: str, mode: str, seed: int, devices: list[int]) -> dict[str, object]:
    """What arrives over several steps, and weights after user-defined rules, on each number of devices: compared with
    the whole matrix, and with each other bit for bit."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((SOURCES, N_POST)) < 0.2, rng.uniform(0.5, 1.5, (SOURCES, N_POST)), 0)
    matrix = getattr(brainevent, cls).fromdense(dense.astype(np.float32))
    matrix = matrix.with_delay(rng.integers(1, SLOTS, matrix.data.shape).astype(np.uint8))
    spikes = rng.random((STEPS, SOURCES)) < 0.2
    values = rng.random(SOURCES).astype(np.float32), rng.random(N_POST).astype(np.float32)
    given = (spikes, spikes[0], rng.random(N_POST) < 0.3, *values)

    def arrivals(conn, ring, spikes, gather):  # type: ignore[no-untyped-def]
        def step(ring, s):  # type: ignore[no-untyped-def]
            now, ring = ring.add(gather(s), conn).pop()
            return ring, now

        return jax.lax.scan(step, ring, spikes)[1]

    def rules(conn, pre, post, of_pre, of_post):  # type: ignore[no-untyped-def]
        options = {"pre_vals": {"x": of_pre}, "post_vals": of_post, "params": 0.5}
        new = conn.apply_on_pre(lambda w, pre, post, k: w + k * pre["x"] * post, pre, **options)
        traces = {"w": new, "eligibility": 0 * new}
        learn = lambda e, pre, post, k: {"w": e["w"] - k * post, "eligibility": e["eligibility"] + pre["x"]}  # noqa: E731
        return conn.apply_on_post(learn, traces, post, **options)

    def everything(conn, ring, spikes, pre, post, of_pre, of_post):  # type: ignore[no-untyped-def]
        return {
            "arrivals": arrivals(conn, ring, spikes, BinaryArray),
            **rules(conn, pre, post, of_pre, of_post),
        }

    def inside(conn, ring, spikes, pre, post, of_pre, of_post):  # type: ignore[no-untyped-def]
        pre, of_pre = sharding.exchange(pre, "x"), jax.lax.all_gather(of_pre, "x", tiled=True)
        return {
            "arrivals": arrivals(conn, ring, spikes, lambda s: sharding.exchange(s, "x")),
            **rules(conn, pre, post, of_pre, of_post),
        }

    wanted = jax.jit(everything)(matrix, brainevent.DelayRing(SLOTS, N_POST), *given)
    wanted = {"arrivals": wanted["arrivals"], **{k: matrix.with_data(wanted[k]) for k in ("w", "eligibility")}}
    found: dict[str, object] = {}
    bits: dict[str, set[str]] = {}
    backends: set[str] = set()
    for count in devices:
        mesh = mesh_of(count, mode)
        split = sharding.Split(mesh, "x", blocks=BLOCKS)
        conn = sharding.shard(matrix, split)
        ring = brainevent.DelayRing(SLOTS, N_POST, split=split)
        arguments = (conn, ring, *(placed(mesh, array) for array in given))
        program, loop = everything, lambda conn, ring, s: arrivals(conn, ring, s, BinaryArray)
        if mode == "shard_map":
            out = {"arrivals": P(None, "x"), "w": P("x"), "eligibility": P("x")}
            program = jax.shard_map(inside, mesh=mesh, in_specs=specs_of(arguments), out_specs=out)
            loop = jax.shard_map(
                lambda conn, ring, s: arrivals(conn, ring, s, lambda s: sharding.exchange(s, "x")),
                mesh=mesh,
                in_specs=specs_of(arguments[:3]),
                out_specs=P(None, "x"),
            )
        with jax.set_mesh(mesh), brainevent.get_registry().record() as lowered:
            results = jax.jit(program)(*arguments)
        backends |= {selection.backend for selection in lowered if selection.primitive in ("deliver", "take_slot")}
        for name, array in results.items():
            value = np.asarray(array)
            if name != "arrivals":
                value = sharding.unshard(conn.with_delay(None).with_data(array)).todense()
            expected = wanted[name] if name == "arrivals" else wanted[name].with_delay(None).todense()
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} on {count}")
            bits.setdefault(name, set()).add(hashlib.sha256(np.asarray(array).tobytes()).hexdigest())
        # Identical to the network that is not split: the same kernel adds in the same order.
        bits["arrivals"].add(hashlib.sha256(np.asarray(wanted["arrivals"]).tobytes()).hexdigest())
        if count == devices[-1]:
            compiled = compiled_of(loop, mesh, *arguments[:3])
            found["collectives"], found["loop"] = collectives(compiled), compiled.as_text()
            found["ring"] = SLOTS * N_POST // count
    found["differ"] = sorted(name for name, each in bits.items() if len(each) > 1)
    return found | {"backends": sorted(backends)}


def intervals(mode: str, seed: int, devices: list[int]) -> dict[str, object]:
    """The raster of two populations whose smallest delay is 5 steps, and which exchange spikes in every step or every
    fifth step; it must not depend on this or on the number of devices."""
    sizes, weights, least, slots, steps = {"exc": 128, "inh": 64}, {"exc": 0.05, "inh": -0.1}, 5, 12, 60
    rng = np.random.default_rng(seed)
    start = {name: rng.random(size).astype(np.float32) for name, size in sizes.items()}

    def network(split):  # type: ignore[no-untyped-def]
        pairs = [(source, target) for source in sizes for target in sizes]
        return {
            (source, target): brainevent.connect.fixed_indegree(
                sizes[source],
                sizes[target],
                16,
                weight=brainevent.connect.Normal(weights[source], 0.01),
                delay=brainevent.connect.Uniform(least, slots - 1),
                seed=seed + i,
                split=split,
            )
            for i, (source, target) in enumerate(pairs)
        }

    def simulated(conns, rings, v, m):  # type: ignore[no-untyped-def]
        def step(carry, _):  # type: ignore[no-untyped-def]
            rings, v = carry
            now, emptied, fired = {}, {}, {}
            for name, ring in rings.items():
                now[name], emptied[name] = ring.pop()
                v[name] = v[name] * 0.95 + 0.08 + now[name]
                fired[name] = v[name] > 1
                v[name] = jnp.where(fired[name], 0, v[name])
            return (emptied, v), fired

        def interval(carry, _):  # type: ignore[no-untyped-def]
            (rings, v), fired = jax.lax.scan(step, carry, length=m)
            rings = {
                target: ring.add_steps(*((fired[source], conns[source, target]) for source in sizes))
                for target, ring in rings.items()
            }
            return (rings, v), fired

        raster = jax.lax.scan(interval, (rings, v), length=steps // m)[1]
        return {name: fired.reshape(steps, -1) for name, fired in raster.items()}

    def every_step(conns, rings, v):  # type: ignore[no-untyped-def]
        def step(carry, _):  # type: ignore[no-untyped-def]
            rings, v, before = carry
            fired = {}
            for name, ring in rings.items():
                for source in sizes:
                    # Spikes of the previous step, which would have been added then, after `pop`.
                    ring = ring.add(BinaryArray(before[source]), conns[source, name])
                now, rings[name] = ring.pop()
                v[name] = v[name] * 0.95 + 0.08 + now
                fired[name] = v[name] > 1
                v[name] = jnp.where(fired[name], 0, v[name])
            return (rings, v, fired), fired

        quiet = {name: jnp.zeros(size, bool) for name, size in sizes.items()}
        return jax.lax.scan(step, (rings, v, quiet), length=steps)[1]

    def digest(raster):  # type: ignore[no-untyped-def]
        return hashlib.sha256(b"".join(np.packbits(np.asarray(raster[name])).tobytes() for name in sizes)).hexdigest()

    def rings(split):  # type: ignore[no-untyped-def]
        return {name: brainevent.DelayRing(slots, size, split=split) for name, size in sizes.items()}

    conns, own = network(None), rings(None)
    whole = jax.jit(simulated, static_argnums=3)(conns, own, start, least)
    # A spike that is added one step later needs a delay that is one step shorter.
    sooner = {key: conn.with_delay(conn.delay - 1) for key, conn in conns.items()}
    single = jax.jit(every_step)(sooner, own, start)
    found: dict[str, object] = {"spikes": int(sum(np.asarray(fired).sum() for fired in whole.values()))}
    digests = {digest(whole), digest(single)}
    for count in devices:
        mesh = mesh_of(count, mode)
        split = sharding.Split(mesh, "x", blocks=4)
        given = network(split), rings(split), {name: placed(mesh, v) for name, v in start.items()}
        for m in (1, least):
            with jax.set_mesh(mesh):
                program = jax.jit(simulated, static_argnums=3).lower(*given, m).compile()
            digests.add(digest(program(*given)))
            if count == devices[-1]:
                found[str(m)] = collectives(program)
    return found | {"rasters": len(digests)}


# -- checkpoints and memory --------------------------------------------------------------------------------------------


def learning_network(split):  # type: ignore[no-untyped-def]
    """Synapses with delays, a ring, and the potentials of 128 neurons, on the devices of a split."""
    conn = brainevent.connect.fixed_indegree(
        128, 128, 16, weight=0.05, delay=brainevent.connect.Uniform(1, 9), seed=4, split=split
    )
    start = np.random.default_rng(0).random(128).astype(np.float32)
    conn = conn.with_data(jax.jit(lambda data: 0.05 + 0 * data, out_shardings=split.sharding)(conn.delay * 1.0))
    return {"conn": conn, "ring": brainevent.DelayRing(10, 128, split=split), "v": placed(split.mesh, start)}


@jax.jit
def learn(state, steps):  # type: ignore[no-untyped-def]
    """The state after some steps, in which synapses of active neurons become weaker, and the spikes."""

    def step(state, _):  # type: ignore[no-untyped-def]
        now, ring = state["ring"].pop()
        v = state["v"] * 0.95 + 0.07 + now
        fired = v > 1
        conn = state["conn"].update_on_pre(fired, -0.01 * v, w_min=0.0)
        ring = ring.add(BinaryArray(fired), conn)
        return {"conn": conn, "ring": ring, "v": jnp.where(fired, 0, v)}, fired

    return jax.lax.scan(step, state, steps)


def checkpoint(what: str, path: str, seed: int, devices: list[int]) -> dict[str, object]:
    """Save a network after 40 steps, or resume it; both return the spikes of the next 40 steps."""
    import orbax.checkpoint as ocp

    mesh = mesh_of(devices[-1], "auto")
    state = learning_network(sharding.Split(mesh, "x", blocks=BLOCKS))
    with ocp.StandardCheckpointer() as checkpointer:
        if what == "save":
            state, _ = learn(state, jnp.arange(40))
            checkpointer.save(path, state)
        else:
            like = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state
            )
            state = checkpointer.restore(path, like)
    assert len(state["conn"].data.sharding.device_set) == devices[-1]
    _, fired = learn(state, jnp.arange(40))
    digest = hashlib.sha256(np.packbits(np.asarray(fired)).tobytes()).hexdigest()
    return {"spikes": int(np.asarray(fired).sum()), "digest": digest}


def memory(coordinator: str, processes: str, process: str, seed: int, devices: list[int]) -> dict[str, object]:
    """A network with 2.4 GB of data and indices, in a process that is limited to 1.8 GB of private memory."""
    import resource

    count, neurons, degree = int(processes), 1 << 16, 4600
    if count > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(coordinator, count, int(process))
    mesh = Mesh(np.array(jax.devices()), ("x",), axis_types=(AxisType.Auto,))
    split = sharding.Split(mesh, "x", blocks=32)
    limit = 1_800_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    def read_block(start: int, stop: int):  # type: ignore[no-untyped-def]
        # Synapses from neurons at regular distances, with different weights, computed for a whole block at once.
        indices = np.arange(start * degree, stop * degree, dtype=np.int32)
        np.multiply(indices, 7919, out=indices)
        np.bitwise_and(indices, neurons - 1, out=indices)
        data = np.full(indices.shape, 1 / degree, np.float32)
        data[:: degree // 2] *= 2
        return data.reshape(-1, degree), indices.reshape(-1, degree)

    def read(start: int, stop: int):  # type: ignore[no-untyped-def]
        data, indices = read_block(start, stop)
        return brainevent.FixedPreNumConn(data, indices, shape=(neurons, stop - start), check=False)

    conn = brainevent.FixedPreNumConn.from_blocks(read, shape=(neurons, neurons), split=split)
    fired = placed(mesh, np.arange(neurons) % 2 == 0)

    @jax.jit
    def run(conn, fired):  # type: ignore[no-untyped-def]
        def step(fired, _):  # type: ignore[no-untyped-def]
            currents = BinaryArray(fired) @ conn
            return currents > 0.4, currents.sum()

        return jax.lax.scan(step, fired, length=2)[1]

    sums = run(conn, fired)
    own = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(conn))
    return {"nse": conn.nse, "bytes": own, "limit": limit, "sums": np.asarray(sums).tolist()}


# -- generated connectivity --------------------------------------------------------------------------------------------

GENERATED = {"Scalar": (1.5,), "Normal": (0.5, 1.5), "Uniform": (0.5, 1.5)}
TARGETS = 8192  # a block of the stream, of which each device has a window


def generated(law: str, along: str, mode: str, seed: int, devices: list[int]) -> dict[str, object]:
    """Products with connectivity that each device generates for its own targets. They equal those of the whole matrix,
    bit for bit if a single block computes the sum."""
    cls = getattr(brainevent, f"JITC{law}{along}")
    rng = np.random.default_rng(seed)
    options = {"prob": 0.05, "seed": seed, "shape": (SOURCES, TARGETS)}
    pre, post, trace = rng.random(SOURCES) < 0.1, rng.random(TARGETS) < 0.05, rng.random(SOURCES).astype(np.float32)
    whole = cls(GENERATED[law], **options)

    def products(conn, pre, post, trace):  # type: ignore[no-untyped-def]
        # For each orientation, a product that visits only connections of events, and one that visits all.
        return {
            "spikes @ conn": BinaryArray(pre) @ conn,
            "conn.T @ batch": conn.T @ BinaryArray(jnp.stack([pre, pre], 1)),
            "numbers @ conn": trace @ conn,
            "conn @ spikes": conn @ BinaryArray(post),
        }

    def inside(conn, pre, post, trace):  # type: ignore[no-untyped-def]
        events, trace = sharding.exchange(pre, "x"), jax.lax.all_gather(trace, "x", tiled=True)
        found = products(conn, events.value, post, trace)
        return found | {"conn @ spikes": jax.lax.psum(found["conn @ spikes"], "x")}

    wanted = jax.jit(products)(whole, pre, post, trace)
    bits: dict[str, set[str]] = {name: set() for name in wanted}
    found: dict[str, object] = {}
    for count in devices:
        mesh = mesh_of(count, mode)
        conn = cls(GENERATED[law], **options, split=sharding.Split(mesh, "x", blocks=BLOCKS))
        given = (conn, *(placed(mesh, array) for array in (pre, post, trace)))
        program = products
        if mode == "shard_map":
            out = {name: P("x") for name in wanted} | {"conn @ spikes": P()}
            program = jax.shard_map(inside, mesh=mesh, in_specs=specs_of(given), out_specs=out)
        with jax.set_mesh(mesh):
            results = jax.jit(program)(*given)
        for name, array in results.items():
            np.testing.assert_allclose(array, wanted[name], rtol=1e-4, atol=1e-4, err_msg=f"{name} on {count}")
            bits[name].add(hashlib.sha256(np.asarray(array).tobytes()).hexdigest())
        if count == devices[-1] and mode != "shard_map":
            compiled = compiled_of(lambda conn, s: BinaryArray(s) @ conn, mesh, *given[:2])
            shapes = re.findall(r"(?:f32|s32|u32|pred|u8)\[([0-9,]+)\]", compiled.as_text())
            found["collectives"] = collectives(compiled)
            found["largest"] = max(int(np.prod([int(size) for size in shape.split(",")])) for shape in shapes)
            found["bytes"] = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(conn))
    several = {name for name, each in bits.items() if len(each) > 1}
    for name, array in wanted.items():
        bits[name].add(hashlib.sha256(np.asarray(array).tobytes()).hexdigest())
    found["differ"] = sorted(several)
    found["differ from the whole"] = sorted(name for name, each in bits.items() if len(each) > 1)
    return found


if __name__ == "__main__":
    table, seed, devices, *case = sys.argv[1:]
    counts = [int(count) for count in devices.split(",")]
    if table != "memory":  # which connects to other processes first
        assert len(jax.devices()) >= max(counts), os.environ.get("XLA_FLAGS")
    run = {
        "compare": compare,
        "traffic": traffic,
        "exchange": exchange,
        "grid": grid,
        "delays": delays,
        "generated": generated,
        "intervals": intervals,
        "checkpoint": checkpoint,
        "memory": memory,
    }[table]
    print(json.dumps(run(*case, int(seed), counts)))
