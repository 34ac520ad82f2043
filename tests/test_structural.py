"""Structural plasticity: capacity, prune, grow and rewire, compared with loops in NumPy."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core.errors import DTypeError, MathError, StructureError, UnsupportedOperationError

N_PRE, N_POST = 9, 7
CLASSES = [brainevent.CSR, brainevent.CSC, brainevent.FixedPostNumConn, brainevent.FixedPreNumConn]
#: Classes, and the neuron that a rewired synapse keeps: presynaptic, postsynaptic, or neither.
REWIRED = [
    (brainevent.CSR, "pre"),
    (brainevent.CSR, None),
    (brainevent.CSC, "pre"),
    (brainevent.CSC, "post"),
    (brainevent.FixedPostNumConn, "post"),
    (brainevent.FixedPreNumConn, None),
]


def stored_by_row(cls) -> bool:
    return cls in (brainevent.CSR, brainevent.FixedPostNumConn)


def draw(cls, rng, *, spare=2, delay=False, index=False, dtype=np.int32):
    """A small matrix with vacant slots, whose weights are integers."""
    dense = rng.integers(1, 9, (N_PRE, N_POST)) * (rng.random((N_PRE, N_POST)) < 0.3)
    conn = cls.fromdense(dense.astype(dtype))
    if delay:
        conn = conn.with_delay(rng.integers(1, 5, conn.data.shape).astype(np.uint8))
    conn = conn.with_capacity(spare=spare)
    return conn.with_csc_index() if index else conn


class Model:
    """Rows of slots in plain Python: ``None`` is a vacant slot, a synapse is ``[column, weight, delay]``."""

    def __init__(self, conn):
        self.transposed = not stored_by_row(type(conn))
        self.shape = conn.shape[::-1] if self.transposed else conn.shape
        columns, weights = np.asarray(conn.indices).ravel(), np.asarray(conn.data).ravel()
        delays = np.ones(columns.size, int) if conn.delay is None else np.asarray(conn.delay).ravel()
        starts = (
            np.asarray(conn.indptr) if conn.indices.ndim == 1 else np.arange(self.shape[0] + 1) * conn.indices.shape[1]
        )
        self.rows = [
            [
                [columns[k], weights[k], delays[k]] if 0 <= columns[k] < self.shape[1] else None
                for k in range(starts[i], starts[i + 1])
            ]
            for i in range(self.shape[0])
        ]
        self.starts = starts

    def has(self, row, column):
        return any(place is not None and place[0] == column for place in self.rows[row])

    def turned(self, pre, post):
        return (post, pre) if self.transposed else (pre, post)

    def prune(self, where):
        for row in range(self.shape[0]):
            for at, place in enumerate(self.rows[row]):
                if place is not None and where(place):
                    self.rows[row][at] = None

    def grow(self, pre, post, weight, delay=1, *, allow_multapses=False, allow_autapses=True):
        wanted, taken = [], []
        for one, other in zip(pre, post):
            row, column = self.turned(int(one), int(other))
            good = 0 <= row < self.shape[0] and 0 <= column < self.shape[1] and (allow_autapses or row != column)
            if good and not allow_multapses:
                good = not self.has(row, column) and (row, column) not in taken
            taken += [(row, column)] if good else []
            wanted.append((row, column, good))
        places = []
        for number, (row, column, good) in enumerate(wanted):
            vacant = [at for at, place in enumerate(self.rows[row]) if place is None] if good else []
            if vacant:
                each = [np.broadcast_to(value, len(wanted))[number] for value in (weight, delay)]
                self.rows[row][vacant[0]] = [column, *each]
            places.append(self.starts[row] + vacant[0] if vacant else self.starts[-1])
        return places

    def rewire(self, where, key, keep, *, weight=0, size=None, tries=32, probability=None, allow_autapses=True):
        chosen = [
            (row, at)
            for row in range(self.shape[0])
            for at, place in enumerate(self.rows[row])
            if place is not None and where(place)
        ]
        total = self.starts[-1] if size is None else size
        old = chosen[:total]
        new = {}
        for number in range(tries):
            if len(new) == len(old):
                break
            keys = jax.random.split(jax.random.fold_in(key, number), 3)
            draws = [np.asarray(jax.random.randint(keys[i], (total,), 0, n)) for i, n in enumerate((N_PRE, N_POST))]
            chance = np.asarray(jax.random.uniform(keys[2], (total,)))
            before = [[None if place is None else list(place) for place in row] for row in self.rows]
            wanted, taken = [], []
            for k, (row, at) in enumerate(old):
                pre, post = self.turned(row, before[row][at][0]) if k not in new else (0, 0)
                pre = pre if keep == "pre" else draws[0][k]
                post = post if keep == "post" else draws[1][k]
                good = k not in new and (allow_autapses or pre != post)
                good = good and (probability is None or chance[k] < np.float32(probability(pre, post)))
                to, column = self.turned(pre, post)
                good = good and not any(place is not None and place[0] == column for place in before[to])
                good = good and (to, column) not in taken
                taken += [(to, column)] if good else []
                wanted.append((to, column, good))
            vacant = [[at for at, place in enumerate(row) if place is None] for row in before]
            in_row = keep == ("post" if self.transposed else "pre")
            for k, ((row, at), (to, column, good)) in enumerate(zip(old, wanted)):
                if not good or not (in_row or vacant[to]):
                    continue
                place = at if in_row else vacant[to].pop(0)
                delay = before[row][at][2]
                self.rows[row][at] = None if not in_row else self.rows[row][at]
                self.rows[to][place] = [column, weight, delay]
                new[k] = self.starts[to] + place
        return [new.get(k, self.starts[-1]) for k in range(total)]

    def check(self, conn):
        """Check that a matrix is equal, slot by slot."""
        found = Model(conn)
        assert found.rows == self.rows
        dense = np.zeros(self.shape, int)
        for row, places in enumerate(self.rows):
            for place in filter(None, places):
                dense[row, place[0]] += place[1]
        dense = dense.T if self.transposed else dense
        np.testing.assert_array_equal(conn.todense(), dense)
        exists = [place is not None for row in self.rows for place in row]
        np.testing.assert_array_equal(np.asarray(conn.occupied).ravel(), exists)
        np.testing.assert_array_equal(np.asarray(conn.data).ravel()[~np.array(exists)], 0)
        plain = conn.with_delay(None)
        for x in np.eye(conn.shape[1], dtype=bool) if conn.has_csc_index else []:  # through the index
            np.testing.assert_array_equal(plain @ brainevent.BinaryArray(x), dense @ x)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("index", [False, True])
def test_prune_and_grow(cls, index: bool, rng: np.random.Generator) -> None:
    conn = draw(cls, rng, delay=True, index=index)
    model = Model(conn)
    model.check(conn)
    conn = conn.prune(conn.data < 4)
    model.prune(lambda place: place[1] < 4)
    model.check(conn)
    pre, post = rng.integers(-2, N_PRE + 2, 40), rng.integers(-2, N_POST + 2, 40)
    weight, delay = rng.integers(1, 9, 40), rng.integers(1, 250, 40)
    grow = jax.jit(lambda conn, pre, post: conn.grow(pre, post, weight, delay=delay))
    for given in ((pre, post), (pre[::-1], post[::-1])):
        conn, places = grow(conn, *given)
        np.testing.assert_array_equal(places, model.grow(*given, weight, delay))
        model.check(conn)
    assert conn.has_csc_index == index


@pytest.mark.parametrize(("cls", "keep"), REWIRED)
def test_rewire(cls, keep, rng: np.random.Generator) -> None:
    conn = draw(cls, rng, delay=True)
    model, key = Model(conn), jax.random.key(rng.integers(2**31))
    number = int(conn.occupied.sum())
    positions = rng.random(N_PRE).astype(np.float32), rng.random(N_POST).astype(np.float32)

    def probability(pre, post):
        return jnp.exp(-jnp.abs(jnp.asarray(positions[0])[pre] - jnp.asarray(positions[1])[post]))

    options = ({}, {"probability": probability, "size": 5, "weight": 3})[rng.integers(2)]
    moved, places = jax.jit(lambda conn, key: conn.rewire(conn.data > 4, key, keep=keep, **options))(conn, key)
    np.testing.assert_array_equal(places, model.rewire(lambda place: place[1] > 4, key, keep, **options))
    model.check(moved)
    assert int(moved.occupied.sum()) == number
    if keep is not None:
        degrees = ("out_degrees", "in_degrees")[keep == "post"]
        np.testing.assert_array_equal(getattr(moved, degrees)(), getattr(conn, degrees)())


@pytest.mark.parametrize("cls", [brainevent.CSR, brainevent.FixedPreNumConn])
def test_a_network_prunes_grows_and_rewires_for_a_thousand_steps(cls, rng: np.random.Generator) -> None:
    """Each presynaptic spike reduces the weight of a synapse by one; synapses without weight left are replaced."""
    steps = 1000
    conn = draw(cls, rng, spare=3, index=cls is brainevent.CSR)
    number = int(conn.occupied.sum())
    model = Model(conn)
    spikes = rng.random((steps, N_PRE)) < 0.3
    pre, post = rng.integers(0, N_PRE, (steps, 2)), rng.integers(0, N_POST, (steps, 2))
    keys = jax.random.split(jax.random.key(rng.integers(2**31)), steps)

    def step(conn, given):
        spike, pre, post, key = given
        drive = brainevent.BinaryArray(spike) @ conn
        data = conn.apply_on_pre(lambda w, pre, post, params: w - 1, conn.data, spike)
        conn = conn.with_data(jnp.where(conn.occupied, data, 0))
        # Up to two used-up synapses are rewired; the others are pruned, and up to two grow in their place.
        used = conn.occupied & (conn.data <= 0)
        conn, _ = conn.rewire(used, key, weight=6, size=2)
        gone = conn.occupied & (conn.data <= 0)
        missing = number - (conn.occupied & ~gone).sum()
        conn = conn.prune(gone)
        wanted = jnp.arange(2) < missing
        conn, _ = conn.grow(jnp.where(wanted, pre, -1), post, jnp.full(2, 4))
        return conn, (drive, conn.occupied.sum())

    final, (drives, numbers) = jax.jit(lambda conn, given: jax.lax.scan(step, conn, given))(
        conn, (spikes, pre, post, keys)
    )
    drives, numbers = map(np.asarray, (drives, numbers))
    for at in range(steps):
        wanted = np.zeros(N_POST, int)
        for row, places in enumerate(model.rows):
            for place in filter(None, places):
                one, other = model.turned(row, place[0])
                wanted[other] += place[1] * spikes[at, one]
                place[1] -= spikes[at, one]
        np.testing.assert_array_equal(drives[at], wanted)
        if any(place is not None and place[1] <= 0 for row in model.rows for place in row):
            model.rewire(lambda place: place[1] <= 0, keys[at], None, weight=6, size=2)
        model.prune(lambda place: place[1] <= 0)
        missing = number - sum(place is not None for row in model.rows for place in row)
        model.grow([-1 if k >= missing else pre[at, k] for k in range(2)], post[at], 4)
        assert numbers[at] == sum(place is not None for row in model.rows for place in row), at
    model.check(final)
    assert numbers.min() > 0


@pytest.mark.parametrize("cls", CLASSES)
def test_capacity(cls, rng: np.random.Generator) -> None:
    dense = (rng.random((N_PRE, N_POST)) * (rng.random((N_PRE, N_POST)) < 0.4)).astype(np.float32)
    conn = cls.fromdense(dense * u.mV)
    lines = conn.shape[0] if stored_by_row(cls) else conn.shape[1]
    fullest = int((conn.out_degrees() if stored_by_row(cls) else conn.in_degrees()).max())
    for given in ({"capacity": fullest + 3}, {"spare": 2}, {"spare": 0}):
        larger = conn.with_capacity(**given)
        assert type(larger) is cls
        assert larger.unit == u.mV
        np.testing.assert_array_equal(larger.todense() / u.mV, dense)
        assert int(larger.occupied.sum()) == np.count_nonzero(dense)
        if "capacity" in given:
            assert larger.nse == lines * (fullest + 3)
    ragged = cls in (brainevent.CSR, brainevent.CSC)
    if ragged:
        assert conn.with_capacity(spare=np.arange(lines)).nse == conn.nse + lines * (lines - 1) // 2
        assert larger.nse == np.count_nonzero(dense)
    else:
        with pytest.raises(MathError, match="one number of places for all rows, not negative"):
            conn.with_capacity(spare=np.arange(lines))
    for given, message in [
        ({"capacity": 1}, "synapses would be lost"),
        ({"spare": -1}, "not negative"),
        ({}, "one of them"),
        ({"capacity": 1, "spare": 1}, "one of them"),
        ({"spare": 1.5}, "must hold integers"),
    ]:
        with pytest.raises((MathError, DTypeError), match=message):
            conn.with_capacity(**given)
    with pytest.raises(MathError, match="sizes of arrays"):
        jax.jit(lambda conn: conn.with_capacity(spare=1))(conn)


def test_one_weight_for_all_and_units(rng: np.random.Generator) -> None:
    conn = brainevent.CSR(2.0, jnp.array([1, 0, 2]), jnp.array([0, 1, 3]), shape=(2, 3)).with_capacity(spare=1)
    grown, _ = conn.prune(conn.occupied).grow(jnp.array([0, 1]), jnp.array([0, 1]))
    np.testing.assert_array_equal(grown.todense(), [[2, 0, 0], [0, 2, 0]])
    with pytest.raises(MathError, match="one weight for all"):
        conn.grow(jnp.array([0]), jnp.array([0]), 1.0)
    each = conn.with_data(jnp.full(conn.nse, 1.0) * u.mV)
    grown, _ = each.grow(jnp.array([0]), jnp.array([0]), 0.002 * u.volt)
    assert float(grown.todense()[0, 0] / u.mV) == 2.0
    with pytest.raises(u.UnitMismatchError, match="weight is given without a unit"):
        each.grow(jnp.array([0]), jnp.array([0]), 2.0)
    by_neurons, _ = each.grow(jnp.array([0]), jnp.array([0]), lambda pre, post: (pre + post + 4.0) * u.mV)
    assert float(by_neurons.todense()[0, 0] / u.mV) == 4.0


def test_autapses_and_multapses(rng: np.random.Generator) -> None:
    conn = brainevent.FixedPostNumConn(num_pre=20, num_post=20, conn_num=5, weight=np.ones((20, 5), "f4"), seed=1)
    conn = conn.with_capacity(spare=10)
    own = jnp.arange(20)
    none, places = conn.grow(own, own, allow_autapses=False)
    assert bool((places == conn.nse).all())
    assert int(none.occupied.sum()) == 100
    twice = jnp.zeros(20, int)
    one, _ = conn.prune(conn.occupied).grow(twice, twice)
    all_, _ = conn.prune(conn.occupied).grow(twice, twice, 1.0, allow_multapses=True)
    assert (int(one.occupied.sum()), int(all_.occupied.sum())) == (1, 15)  # the row has 15 slots
    for seed in range(2):
        moved, _ = conn.rewire(conn.occupied, jax.random.key(seed), allow_autapses=False, weight=1.0)
        dense = np.asarray(moved.todense())
        assert dense.max() == 1.0
        assert np.diag(moved.prune(moved.data < 1).todense()).sum() <= np.diag(conn.todense()).sum()


def test_derivatives_and_vmap(rng: np.random.Generator) -> None:
    conn = draw(brainevent.CSR, rng, dtype=np.float32)
    pre, post = jnp.array([0, 1, 2]), jnp.array([0, 1, 2])
    x = jnp.asarray(rng.random(N_PRE).astype(np.float32))

    def loss(data, weight):
        grown, _ = conn.with_data(data).prune(conn.data > 5).grow(pre, post, weight)
        return (x @ grown).sum()

    of_data, of_weight = jax.grad(loss, (0, 1))(conn.data, jnp.ones(3))
    _, places = conn.prune(conn.data > 5).grow(pre, post, jnp.ones(3))
    np.testing.assert_allclose(of_weight, np.where(places < conn.nse, x[:3], 0), rtol=1e-6)
    kept = np.array(conn.occupied & (conn.data <= 5))
    kept[np.asarray(places)[np.asarray(places) < conn.nse]] = False
    rows = np.repeat(np.arange(N_PRE), np.diff(conn.indptr))
    np.testing.assert_allclose(of_data, np.where(kept, np.asarray(x)[rows], 0), rtol=1e-6)
    keys = jax.random.split(jax.random.key(0), 3)

    def run(key):
        return conn.rewire(conn.data > 3, key)[0].todense()

    for key, dense in zip(keys, jax.jit(jax.vmap(run))(keys)):
        np.testing.assert_array_equal(dense, jax.jit(run)(key))


def test_new_pairs_are_drawn_in_proportion_to_the_probability() -> None:
    n = 40
    conn = brainevent.FixedPostNumConn(num_pre=n, num_post=n, conn_num=4, weight=np.ones((n, 4), "f4"), seed=0)

    @jax.jit
    @jax.vmap
    def rewired(key):
        moved, places = conn.rewire(
            conn.occupied, key, keep="pre", tries=200, allow_multapses=True,
            probability=lambda pre, post: jnp.where(post < n // 4, 0.8, 0.2),
        )  # fmt: skip
        return moved.in_degrees(), (places < conn.nse).all()

    degrees, all_moved = rewired(jax.random.split(jax.random.key(0), 30))
    assert bool(all_moved.all())
    near = np.asarray(degrees).sum(axis=0)
    share = near[: n // 4].sum() / near.sum()  # 0.8 · 10 of 0.8 · 10 + 0.2 · 30
    assert abs(share - 8 / 14) < 4 * np.sqrt(8 * 6 / 14**2 / near.sum())


def test_narrow_indices() -> None:
    """8-bit indices have a sentinel for vacant slots only if the number of neurons leaves one."""
    full = brainevent.CSR(np.ones(2, "f4"), np.array([0, 255], np.uint8), np.array([0, 1, 2]), shape=(2, 256))
    with pytest.raises(MathError, match=r"uint8 can't hold each of 256 neurons.*with_capacity"):
        full.prune(full.data > 0)
    wide = full.with_capacity(spare=1)
    assert wide.indices.dtype == np.int32
    assert int(wide.prune(wide.data > 0).occupied.sum()) == 0
    short = brainevent.CSR(np.ones(2, "f4"), np.array([0, 9], np.int8), np.array([0, 1, 2]), shape=(2, 10))
    assert int(short.prune(np.array([True, False])).occupied.sum()) == 1
    long = brainevent.CSR(np.ones(2, "f4"), np.array([0, 9], np.int8), np.array([0, 1, 2]), shape=(2, 300))
    with pytest.raises(MathError, match="int8"):
        long.grow([0], [299])


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 4)])
def test_nothing_to_change(shape) -> None:
    conn = brainevent.CSR(np.zeros(0, "f4"), np.zeros(0, int), np.zeros(shape[0] + 1, int), shape=shape)
    for changed in (
        conn.prune(np.zeros(0, bool)),
        conn.grow([0], [0], 1.0)[0],
        conn.rewire(np.zeros(0, bool), jax.random.key(0))[0],
        conn.with_capacity(spare=0),
    ):
        np.testing.assert_array_equal(changed.todense(), np.zeros(shape))


def test_errors(rng: np.random.Generator) -> None:
    conn = draw(brainevent.CSR, rng, delay=True)
    key = jax.random.key(0)
    for call, kind, message in [
        (lambda: conn.prune(conn.data), DTypeError, "where must hold booleans, got int32: compare"),
        (lambda: conn.prune(np.zeros(3, bool)), MathError, "shape of one weight per entry"),
        (lambda: conn.grow([0.5], [0], 1, delay=1), DTypeError, "pre must hold integers"),
        (lambda: conn.grow([0, 1], [0], 1, delay=1), MathError, "vectors of one length"),
        (lambda: conn.grow([0], [0], np.ones(3), delay=1), MathError, "one for each new synapse"),
        (lambda: conn.grow([0], [0], 1), MathError, "delay="),
        (lambda: conn.grow([0], [0], 1, delay=0), StructureError, "delay holds 0"),
        (lambda: conn.grow([0], [0], 1, delay=300), StructureError, "from 1 to 255"),
        (lambda: conn.with_delay(None).grow([0], [0], 1, delay=2), MathError, "with_delay"),
        (lambda: conn.with_delay(2).grow([0], [0], 1, delay=2), MathError, "with_delay"),
        (lambda: conn.grow([0], [0], 1, delay=1, allow_autapses=False), MathError, "connects to itself"),
        (lambda: conn.rewire(conn.occupied, key, keep="both"), MathError, "keep must be"),
        (lambda: conn.rewire(conn.occupied, key, size=-1), MathError, "size must be a whole number"),
        (lambda: conn.rewire(conn.occupied, key, tries=1.5), MathError, "tries must be a whole number"),
    ]:
        with pytest.raises(kind, match=message):
            call()


def test_a_matrix_in_blocks_says_what_to_do() -> None:
    split = brainevent.sharding.Split(jax.make_mesh((1,), ("x",)), "x", blocks=2)
    conn = brainevent.CSR.fromdense(np.eye(4, dtype="f4"))
    blocks = brainevent.sharding.shard(conn, split)
    with pytest.raises(UnsupportedOperationError, match="come and go"):
        blocks.prune(blocks.data > 0)


def test_saved_and_converted(rng: np.random.Generator, tmp_path) -> None:
    conn = draw(brainevent.CSR, rng, dtype=np.float32)
    dense = np.asarray(conn.todense())
    for other in (conn.tocsc(), conn.tocoo(), conn.T.T, conn.with_capacity(spare=0)):
        np.testing.assert_array_equal(other.todense(), dense)
    brainevent.save(tmp_path / "conn.npz", conn)
    again = brainevent.load(tmp_path / "conn.npz")
    np.testing.assert_array_equal(again.occupied, conn.occupied)
    np.testing.assert_array_equal(conn.to_scipy().toarray(), dense)
