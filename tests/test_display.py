"""How notebooks and terminals show matrices and events: correctly and briefly, reading nothing large or traced."""

import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, JITCNormalR, SparseFloat
from brainevent_core import display

EVENTS: dict[str, Callable[[Any], Any]] = {
    "BinaryArray": BinaryArray,
    "BitPackedBinary": brainevent.bitpack,
    "BitPackedBinary of columns": lambda v: brainevent.BitPackedBinary(v, axis=0),
    "CompactBinary": brainevent.CompactBinary,
    "CompactBinary of columns": lambda v: brainevent.CompactBinary(v, axis=0),
    "SparseFloat": lambda v: SparseFloat(np.where(v, 0.5, 0.0)),
    "BinaryArray of JAX": lambda v: BinaryArray(jnp.asarray(v)),
}


def cells(html: str) -> np.ndarray:
    """The opacity of each cell of the picture; 0 if it isn't drawn."""
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", html)[0])  # type: ignore[index]
    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    drawn = np.zeros((round(height - 0.2), round(width - 0.2)))
    for path in drawing.iter("path"):
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path.attrib["d"]):
            drawn[int(y), int(x) : int(x) + int(length)] = float(path.attrib["stroke-opacity"])
    return drawn


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("shape", [(1000,), (90, 70), (3, 65)])
def test_long_events_are_summarised(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    mask = rng.random(shape) < 0.05
    events = EVENTS[kind](mask)
    printed = repr(events)
    assert printed.startswith(f"{type(events).__name__}(shape={shape}, dtype=")
    assert f"events={mask.sum()}" in printed
    assert len(printed) < 100
    html = events._repr_html_()
    assert f"events {mask.sum()} " in words(html)
    assert len(html) < 20_000
    mask = np.atleast_2d(mask)
    row, col = np.nonzero(mask)
    drawn = cells(html)
    expected = np.zeros(drawn.shape, bool)
    expected[row * drawn.shape[0] // mask.shape[0], col * drawn.shape[1] // mask.shape[1]] = True
    np.testing.assert_array_equal(drawn > 0, expected)


def test_events_of_another_package(rng: np.random.Generator) -> None:
    class Halves(brainevent.EventRepresentation):
        __slots__ = ()

        @property
        def value(self) -> Any:
            return self._array[::2]

    events = Halves._unflatten(None, (np.repeat(rng.random(500) < 0.1, 2),))
    assert f"events={events.value.sum()}" in repr(events)
    assert f"events {events.value.sum()} " in words(events._repr_html_())


def test_short_events_are_written_out() -> None:
    assert repr(BinaryArray(jnp.array([1, 0, 1]))) == "BinaryArray(Array([1, 0, 1], dtype=int32))"
    packed = repr(brainevent.bitpack(jnp.array([1, 0, 1])))
    assert packed.startswith("BitPackedBinary(Array([5], dtype=uint32), length=3")


DENSE = np.kron(np.eye(4, dtype=np.float32), np.ones((20, 30), np.float32))


@pytest.mark.parametrize("cls", [CSR, CSC, COO, FixedPostNumConn, brainevent.FixedPreNumConn, Dense])
@pytest.mark.parametrize("transpose", [False, True])
def test_picture_is_that_of_the_matrix(cls: Any, transpose: bool) -> None:
    matrix, dense = cls.fromdense(DENSE), DENSE
    if transpose:
        matrix, dense = matrix.T, dense.T
    drawn = cells(matrix._repr_html_())
    row, col = np.nonzero(dense)
    expected = np.zeros(drawn.shape, bool)
    expected[row * drawn.shape[0] // dense.shape[0], col * drawn.shape[1] // dense.shape[1]] = True
    np.testing.assert_array_equal(drawn > 0, expected)
    assert 0.2 < expected.mean() < 0.4


def test_picture_shows_where_entries_are_dense() -> None:
    row = np.r_[np.repeat(np.arange(1000), 4), np.repeat(np.arange(500), 12)]
    col = np.resize(np.arange(1000), row.size)
    drawn = cells(COO(1.0, row, col, shape=(1000, 1000))._repr_html_())
    assert drawn[:20].mean() > 2 * drawn[20:].mean() > 0


def test_facts_of_matrices() -> None:
    conn = FixedPostNumConn(num_pre=1000, num_post=400, conn_num=40, weight=0.5 * u.nS, seed=0)
    shown = words(conn._repr_html_())
    for fact in ("1,000 × 400", "40,000 (density 10 %, 40 per row)", "float32, in nS: 0.5, one for all", "160 kB"):
        assert fact in shown
    assert "float32: 1 to 3 " in words(CSR.fromdense(np.array([[1, 0], [3, 2]], np.float32))._repr_html_())
    delayed = conn.with_delay(np.arange(1000) % 7 + 1)
    assert "uint8: 1 to 7 steps" in words(delayed._repr_html_())
    np.testing.assert_array_equal(cells(delayed._repr_html_()), cells(conn._repr_html_()))
    assert "csc_index" in words(conn.tocsr().with_csc_index()._repr_html_())
    generated = JITCNormalR(1.0 * u.nS, 0.25 * u.nS, 0.1, 0, shape=(10**6, 10**6))._repr_html_()
    assert "about 100,000,000,000, generated on the fly" in words(generated)
    assert "in nS: loc 1, scale 0.25" in words(generated)
    assert "<svg" not in generated


def test_nothing_is_forced() -> None:
    conn = FixedPostNumConn(num_pre=100, num_post=100, conn_num=10, weight=0.5, seed=0)
    spikes = BinaryArray(jnp.ones(100, bool))
    shown = []

    @jax.jit
    def traced(conn: Any, spikes: Any, weight: Any) -> Any:
        shown.extend(words(each._repr_html_()) for each in (conn, spikes, known.with_data(weight), known))
        shown.append(repr(spikes))
        return weight

    known = conn
    traced(conn, spikes, 2.0)
    outside, events, weight, constant, printed = shown
    assert "100 × 100" in outside
    assert "float32, traced" in outside
    assert "events" not in events.replace("of events", "")
    assert "traced" in weight
    assert "0.5, one for all" in constant
    assert "Tracer" in printed


def test_what_became_something_else_is_left_to_repr() -> None:
    conn = FixedPostNumConn(num_pre=9, num_post=9, conn_num=3, weight=np.ones((9, 3)) * u.mV, seed=0)
    batch = jax.vmap(conn.with_data)(jnp.ones((2, 9, 3)))
    for other in (jax.tree.map(lambda x: None, conn), batch):
        assert other._repr_html_() is None
        assert "FixedPostNumConn(shape=(9, 9)" in repr(other)
    assert "9 × 9" in jax.eval_shape(lambda: conn)._repr_html_()
    donated = jnp.ones(100)
    events = BinaryArray(donated)
    donated.delete()
    assert "shape (100,)" in words(events._repr_html_())


def test_cost_does_not_grow_with_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 million synapses, and of 20 million entries of events, only a sample is read."""
    read = []
    take = np.unravel_index
    monkeypatch.setattr(display.np, "unravel_index", lambda at, shape: read.append(len(at)) or take(at, shape))
    conn = FixedPostNumConn(np.ones(1, np.float32), np.zeros((10**5, 200), np.int32), shape=(10**5, 10**5), check=False)
    events = BinaryArray(np.zeros((10**4, 2000), bool))
    for each in (conn.with_data(jnp.zeros((10**5, 200))), events):
        began = time.perf_counter()
        html = each._repr_html_()
        assert time.perf_counter() - began < 5
        assert len(html) < 20_000
    assert "0 to 0 in a sample" in words(conn.with_data(jnp.zeros((10**5, 200)))._repr_html_())
    assert repr(events) == "BinaryArray(shape=(10000, 2000), dtype=bool)"
    assert read
    assert max(read) <= 2**18


def test_empty() -> None:
    for each in (CSR.fromdense(np.zeros((0, 3))), Dense(np.zeros((3, 0))), BinaryArray(np.zeros(0)), BinaryArray(True)):
        assert each._repr_html_()
    assert "0 (density 0 %" in words(CSR.fromdense(np.zeros((0, 3)))._repr_html_())


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [brainevent, brainevent.config, brainevent.connect, sys.modules["brainevent_core"]])
def test_completion_shows_public_names(module: Any) -> None:
    assert {name for name in dir(module) if not name.startswith("_")} == set(module.__all__) - {"__version__"}


@pytest.mark.parametrize(
    ("of", "name", "meant"),
    [
        (brainevent, "BinaryArrays", "BinaryArray"),
        (brainevent, "Csr", "CSR"),
        (brainevent, "FixedPostNum", "FixedPostNumConn"),
        (brainevent, "binary_csr_mv", "binary_csrmv"),
        (brainevent.connect, "fixed_in_degree", "fixed_indegree"),
        (brainevent.config, "setbackend", "set_backend"),
        (CSR.fromdense(DENSE), "to_dense", "todense"),
        (CSR.fromdense(DENSE), "to_array", "toarray"),
        (CSR.fromdense(DENSE), "with_datas", "with_data"),
    ],
)
def test_misspelt_name_is_named(of: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*'{meant}'"):
        getattr(of, name)


@pytest.mark.parametrize("of", [brainevent, brainevent.connect, CSR.fromdense(DENSE)])
def test_name_like_no_other_gets_no_advice(of: Any) -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        of.xyzzy  # noqa: B018


def test_property_that_fails_keeps_its_error() -> None:
    nothing = jax.tree.map(lambda x: None, CSR.fromdense(DENSE))
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'dtype'"):
        nothing.dtype  # noqa: B018
