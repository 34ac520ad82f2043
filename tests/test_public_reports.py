"""Faults that users of other libraries reported, as they would appear here: the behaviour they expected is tested.

Each case names the repository and number of an issue or pull request that gave the idea. The code is ours, and small:
what matters is the kind of fault.
"""

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn, JITCScalarR, bitpack

CASES: dict[str, Callable[[np.random.Generator], None]] = {}
CLASSES: tuple[Any, ...] = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)
SHAPE = (4, 5)


def report(*sources: str) -> Callable[[Callable[..., None]], None]:
    """Register a case with its sources, ``owner/repository#number``."""

    def add(check: Callable[..., None]) -> None:
        CASES[f"{' '.join(sources)} {check.__name__}"] = check

    return add


# On the reference, and with --slow on the default kernels: other tests compare these, and compiling takes most time.
@pytest.mark.parametrize("backend", ["reference", pytest.param("", marks=pytest.mark.slow, id="default")])
@pytest.mark.parametrize("name", CASES)
def test_public_report(name: str, backend: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINEVENT_BACKEND", backend)
    CASES[name](rng)


def test_the_suite_is_as_large_as_it_says() -> None:
    assert len(CASES) >= 40


def a_dense(rng: np.random.Generator) -> np.ndarray:
    return (rng.normal(size=SHAPE) * (rng.random(SHAPE) < 0.6)).astype(np.float32)


def with_duplicates(rng: np.random.Generator) -> tuple[COO, np.ndarray]:
    """A matrix with several entries at some positions, and the equivalent dense matrix."""
    row, col = rng.integers(0, 2, 12), rng.integers(0, 3, 12)
    data, dense = rng.normal(size=12).astype(np.float32), np.zeros(SHAPE, np.float32)
    np.add.at(dense, (row, col), data)
    return COO(data, row, col, shape=SHAPE), dense


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-5)
    assert np.shape(found) == np.shape(expected)


# -- duplicates --------------------------------------------------------------------------------------------------------


@report("scipy/scipy#15226")
def conversion_leaves_the_matrix_alone(rng: np.random.Generator) -> None:
    matrix, dense = with_duplicates(rng)
    before = [np.array(leaf) for leaf in jax.tree.leaves(matrix)]
    close(matrix.tocsr().todense(), dense)
    close(matrix.tocsc().todense(), dense)
    for leaf, same in zip(jax.tree.leaves(matrix), before, strict=True):
        np.testing.assert_array_equal(leaf, same)


@report("scipy/scipy#8314", "scipy/scipy#7805")
def duplicates_add_up_in_every_view(rng: np.random.Generator) -> None:
    matrix, dense = with_duplicates(rng)
    close(matrix.todense(), dense)
    close(matrix[1], dense[1])
    close(matrix[:, 2], dense[:, 2])
    close(matrix[0, 1], dense[0, 1])
    close(matrix.T.todense(), dense.T)
    close(np.ones(4, np.float32) @ matrix, dense.sum(0))


@report("scipy/scipy#24989")
def sums_of_duplicates(rng: np.random.Generator) -> None:
    matrix, dense = with_duplicates(rng)
    close(matrix.sum(), dense.sum())
    close(matrix.sum(axis=0), dense.sum(0))
    close(matrix.sum(axis=1), dense.sum(1))


@report("jax-ml/jax#8889")
def a_product_of_elements_with_duplicates(rng: np.random.Generator) -> None:
    matrix, dense = with_duplicates(rng)
    close((matrix * dense).todense(), dense * dense)
    close((matrix * matrix).todense(), dense * dense)


# -- ids, dtypes and byte orders ---------------------------------------------------------------------------------------


@report("scipy/scipy#9437", "AllenInstitute/bmtk#442")
def unsigned_ids(rng: np.random.Generator) -> None:
    dense, ids = a_dense(rng), np.array([3, 0, 3], np.uint64)
    row, col = (index.astype(np.uint64) for index in np.nonzero(dense))
    matrix = COO(dense[np.nonzero(dense)], row, col, shape=SHAPE)
    close(matrix.todense(), dense)
    close(matrix[ids], dense[ids])
    close(matrix[:, ids], dense[:, ids])
    close(matrix[np.uint64(2), np.uint64(4)], dense[2, 4])


@report("scipy/scipy#8912", "scipy/scipy#12340")
def ids_beyond_32_bits_are_kept_or_refused(rng: np.random.Generator) -> None:
    row, col, shape = np.array([0, 1], np.int64), np.array([2**31 + 4, 3], np.int64), (2, 2**31 + 5)
    with jax.enable_x64(True):
        matrix = COO(np.array([2.0, 3.0], np.float32), row, col, shape=shape)
        np.testing.assert_array_equal(matrix.tocsr().indices, col)
        close(matrix[0, 2**31 + 4], np.float32(2))
    with pytest.raises(brainevent.BrainEventError, match="jax_enable_x64"):
        COO(np.array([2.0, 3.0], np.float32), row, col, shape=shape)


@report("scipy/scipy#20274")
def many_rows_and_few_entries(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        matrix = COO(np.array([2.1, 3.1], np.float32), [5, 8], [0, 1], shape=(2**33, 2))
        np.testing.assert_array_equal(matrix.tocsc().indptr, [0, 1, 2])
        np.testing.assert_array_equal(matrix.tocsc().indices, [5, 8])


@report("scipy/scipy#4476", "scipy/scipy#22258", "wcxve/elisa#163")
def other_byte_orders(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    for big in (CSR.fromdense(dense.astype(">f4")), Dense(dense.astype(">f4"))):
        assert big.dtype == np.float32
        close(big.todense(), dense)
    native = CSR.fromdense(dense)
    arrays = (np.asarray(native.data).astype(">f4"), np.asarray(native.indices).astype(">i4"))
    swapped = CSR(*arrays, np.asarray(native.indptr).astype(">i8"), shape=SHAPE)
    close(np.ones(4, ">f4") @ swapped, dense.sum(0))
    close(BinaryArray(np.ones(4, ">f4")) @ swapped, dense.sum(0))


@report("scipy/scipy#13329")
def large_integers_are_exact(rng: np.random.Generator) -> None:
    weights = np.array([2**24 + 1, -(2**30) - 1], np.int32)
    matrix = COO(weights, [0, 3], [4, 0], shape=SHAPE)
    assert matrix.dtype == np.int32
    assert int(matrix[0, 4]) == 2**24 + 1
    np.testing.assert_array_equal(np.asarray(matrix.tocsr().todense())[[0, 3], [4, 0]], weights)


@report("jax-ml/jax#8577")
def integer_matrices_multiply(rng: np.random.Generator) -> None:
    dense = rng.integers(-3, 4, SHAPE).astype(np.int32)
    for cls in CLASSES:
        close(cls.fromdense(dense) @ np.arange(5), dense @ np.arange(5))


@report("jax-ml/jax#11044")
def x64_promotes_nothing(rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        matrix = CSR.fromdense(a_dense(rng))
        assert (BinaryArray(np.ones(4, bool)) @ matrix).dtype == np.float32
        assert (np.ones(4, np.float32) @ matrix).dtype == np.float32


@report("SpiNNakerManchester/sPyNNaker#75")
def rows_of_as_many_as_a_byte_counts(rng: np.random.Generator) -> None:
    indices = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    matrix = FixedPostNumConn(np.float32(0.5), indices, shape=(3, 256))
    close(BinaryArray(np.array([True, False, True])) @ matrix, np.ones(256))


# -- malformed structures ----------------------------------------------------------------------------------------------


@report("scipy/scipy#8778", "scipy/scipy#21170")
def an_index_out_of_range_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(brainevent.StructureError, match="1001"):
        CSR([1.0, 1.0], [1001, 555], [0, 1, 2], shape=(2, 1000))


@report("scipy/scipy#5212", "scipy/scipy#9965")
def so_it_is_in_columns(rng: np.random.Generator) -> None:
    with pytest.raises(brainevent.StructureError, match="5"):
        CSC([1.0, 1.0], [0, 5], [0, 1, 2], shape=(5, 2))


@report("scipy/scipy#23784")
def pointers_that_end_elsewhere_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(brainevent.StructureError, match="indptr"):
        CSR(np.ones(5, np.float32), np.zeros(5, int), [0, 1, 2], shape=(2, 3))


@report("scipy/scipy#25763")
def unchecked_indices_reach_no_foreign_memory(rng: np.random.Generator) -> None:
    matrix = CSR(np.ones(4, np.float32), [0, 100_000, 0, 1], [0, 2, 4], shape=(2, 2), check=False)
    close(np.ones(2, np.float32) @ matrix, [2, 1])
    close(matrix @ np.ones(2, np.float32), [1, 2])
    close(matrix.todense(), [[1, 0], [1, 1]])


@report("scipy/scipy#12131")
def arrays_can_not_be_replaced(rng: np.random.Generator) -> None:
    matrix = CSR.fromdense(a_dense(rng))
    with pytest.raises(AttributeError, match="with_data"):
        matrix.indices = [0]  # type: ignore[misc]
    with pytest.raises((TypeError, ValueError)):
        matrix.indices[0] = 3  # type: ignore[index]


@report("jax-ml/jax#18124")
def ids_that_count_from_one_are_no_zeros(rng: np.random.Generator) -> None:
    with pytest.raises(brainevent.StructureError, match="1"):
        COO([10.0, 20.0, 20.0], [1, 3, 5], [1, 1, 1], shape=(6, 1))


@report("jax-ml/jax#8225", "jax-ml/jax#8021")
def padding_adds_nothing_and_has_no_gradient(rng: np.random.Generator) -> None:
    row, col = np.array([0, 1, 4, 0]), np.array([1, 2, 0, 5])  # the last two are out of range

    def total(data: Any) -> Any:
        return jnp.sum((np.ones(4, np.float32) @ COO(data, row, col, shape=SHAPE, check=False)) ** 2)

    close(total(jnp.array([1.0, 2.0, 3.0, 4.0])), np.float32(5))
    close(jax.grad(total)(jnp.array([1.0, 2.0, 3.0, 4.0])), [2, 4, 0, 0])


@report("AllenInstitute/bmtk#168", "BlueBrain/libsonata#8")
def an_id_that_does_not_exist_is_named(rng: np.random.Generator) -> None:
    for cls in CLASSES:
        with pytest.raises(IndexError, match="17"):
            cls.fromdense(a_dense(rng))[[0, 17]]


# -- indexing ----------------------------------------------------------------------------------------------------------


@report("scipy/scipy#19951")
def a_mask_of_another_length_is_refused(rng: np.random.Generator) -> None:
    matrix = CSR.fromdense(a_dense(rng))
    with pytest.raises(IndexError, match=r"\(4,\)"):
        matrix[[True, False]]
    with pytest.raises(IndexError, match=r"\(5,\)"):
        matrix[:, np.ones(4, bool)]


@report("scipy/scipy#19919", "scverse/anndata#1320")
def masks_that_select_nothing(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    matrix, rows, cols = CSC.fromdense(dense), np.zeros(4, bool), np.zeros(5, bool)
    close(matrix[rows, cols], dense[rows, cols])
    close(matrix[rows], dense[rows])
    close(matrix[rows, :], dense[rows, :])


@report("scipy/scipy#21747")
def an_ellipsis_and_a_mask(rng: np.random.Generator) -> None:
    dense, mask = a_dense(rng), np.array([True, True, False, False, True])
    close(CSC.fromdense(dense)[..., mask], dense[..., mask])


@report("scipy/scipy#2689", "pydata/sparse#304")
def a_mask_of_elements(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    close(CSR.fromdense(dense)[dense > 0], dense[dense > 0])


@report("scipy/scipy#11127")
def a_slice_that_ends_before_it_begins(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    for cls in CLASSES:
        close(cls.fromdense(dense)[3:2], dense[3:2])


@report("jax-ml/jax#24138")
def iteration_gives_rows(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    for row, expected in zip(COO.fromdense(dense), dense, strict=True):
        close(row, expected)


@report("brian-team/brian2#297")
def a_list_selects_rows_and_not_synapses(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    for cls in CLASSES:
        close(cls.fromdense(dense)[[1, 2, 3]], dense[[1, 2, 3]])


# -- transforms --------------------------------------------------------------------------------------------------------


@report("jax-ml/jax#15844")
def a_product_under_vmap(rng: np.random.Generator) -> None:
    dense, vectors = a_dense(rng), rng.normal(size=(3, 5)).astype(np.float32)
    close(jax.vmap(lambda v: CSR.fromdense(dense) @ v)(vectors), vectors @ dense.T)


@report("jax-ml/jax#37647")
def a_gradient_through_vmap_has_the_shape_of_the_weights(rng: np.random.Generator) -> None:
    dense, vectors = a_dense(rng), rng.normal(size=(3, 5)).astype(np.float32)
    matrix = CSR.fromdense(dense)

    def total(data: Any) -> Any:
        return jnp.sum(jax.vmap(lambda v: matrix.with_data(data) @ v)(vectors) ** 2)

    expected = (2 * dense @ vectors.T) @ vectors
    close(jax.grad(total)(matrix.data), expected[dense != 0])


@report("jax-ml/jax#10163")
def jacobians_are_those_of_dense_matrices(rng: np.random.Generator) -> None:
    dense, vector = a_dense(rng), rng.normal(size=5).astype(np.float32)
    matrix = COO.fromdense(dense)
    row, col = np.nonzero(dense)
    expected = np.zeros((4, row.size), np.float32)
    expected[row, np.arange(row.size)] = vector[col]
    close(jax.jacfwd(lambda data: matrix.with_data(data) @ vector)(matrix.data), expected)
    close(jax.jacrev(lambda data: matrix.with_data(data) @ vector)(matrix.data), expected)


@report("jax-ml/jax#18245")
def fromdense_inside_of_a_transform_says_what_it_needs(rng: np.random.Generator) -> None:
    with pytest.raises(brainevent.MathError, match="nse"):
        jax.vmap(CSR.fromdense)(jnp.ones((1, *SHAPE)))


@report("jax-ml/jax#7533")
def jit_and_a_transposed_operand(rng: np.random.Generator) -> None:
    dense, x = a_dense(rng), jnp.asarray(rng.normal(size=(3, 5)), jnp.float32)
    matrix = COO.fromdense(dense)
    close(jax.jit(lambda x: matrix @ x.T)(x), matrix @ x.T)
    close(jax.jit(lambda x: matrix @ x.T)(x), dense @ np.asarray(x).T)


@report("NeuralEnsemble/PyNN#218")
def changed_weights_count_in_a_compiled_function(rng: np.random.Generator) -> None:
    dense, step = a_dense(rng), jax.jit(lambda matrix, spikes: BinaryArray(spikes) @ matrix)
    matrix, spikes = CSR.fromdense(dense), np.array([True, False, True, True])
    close(step(matrix, spikes), spikes @ dense)
    close(step(matrix.with_data(-2 * matrix.data), spikes), spikes @ (-2 * dense))


# -- connections -------------------------------------------------------------------------------------------------------


@report("nest/nest-simulator#1073")
def no_connections_are_none(rng: np.random.Generator) -> None:
    for cls, number in ((FixedPostNumConn, "conn_num"), (FixedPreNumConn, "conn_num")):
        matrix = cls(num_pre=4, num_post=5, weight=1.0, seed=0, **{number: 0})
        assert matrix.nse == 0
        close(BinaryArray(np.ones(4, bool)) @ matrix, np.zeros(5))


@report("nest/nest-simulator#281")
def one_connection_each(rng: np.random.Generator) -> None:
    outgoing = FixedPostNumConn(num_pre=4, num_post=5, conn_num=1, weight=1.0, seed=0)
    close(outgoing.sum(axis=1), np.ones(4))
    incoming = FixedPreNumConn(num_pre=4, num_post=5, conn_num=1, weight=1.0, seed=0)
    close(incoming.sum(axis=0), np.ones(5))


@report("nest/nest-simulator#463")
def weights_by_array_with_a_fixed_number(rng: np.random.Generator) -> None:
    weights, indices = rng.normal(size=(4, 2)).astype(np.float32), rng.integers(0, 5, (4, 2))
    dense = np.zeros(SHAPE, np.float32)
    np.add.at(dense, (np.arange(4)[:, None], indices), weights)
    close(FixedPostNumConn(weights, indices, shape=SHAPE).todense(), dense)


@report("nest/nest-simulator#532")
def the_number_of_inputs_of_a_neuron(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    ones = CSR.fromdense(dense).with_data(jnp.ones(np.count_nonzero(dense)))
    close(ones.sum(axis=0), np.count_nonzero(dense, axis=0))


@report("brian-team/brian2#1028")
def connections_by_lists_of_pairs(rng: np.random.Generator) -> None:
    matrix = COO(1.0, [0, 5, 6, 8], [0, 0, 3, 4], shape=(10, 5))
    spikes = np.zeros(10, bool)
    spikes[[5, 8]] = True
    close(BinaryArray(spikes) @ matrix, [1, 0, 0, 0, 1])


@report("brian-team/brian2#302")
def connections_in_two_steps(rng: np.random.Generator) -> None:
    both = COO(1.0, [0], [0], shape=(3, 3)).todense() + COO(1.0, [1], [1], shape=(3, 3)).todense()
    close(COO([1.0, 1.0], [0, 1], [0, 1], shape=(3, 3)).todense(), both)


@report("fzenke/auryn#23")
def a_probability_is_that_of_each_pair(rng: np.random.Generator) -> None:
    size, prob = 400, 0.02
    count = JITCScalarR(1.0, prob, int(rng.integers(1000)), shape=(size, size)).tocsr().nse
    mean, deviation = size**2 * prob, (size**2 * prob * (1 - prob)) ** 0.5
    assert abs(count - mean) < 6 * deviation


@report("genn-team/genn#694")
def weights_read_and_written_back_stay_in_place(rng: np.random.Generator) -> None:
    dense = a_dense(rng)
    for cls in CLASSES:
        matrix = cls.fromdense(dense)
        close(matrix.with_data(np.asarray(matrix.data)).todense(), dense)
    indexed = FixedPreNumConn.fromdense(dense).with_csc_index()
    close(indexed.with_data(np.asarray(indexed.data)).todense(), dense)


# -- learning rules ----------------------------------------------------------------------------------------------------


@report("brian-team/brian2#1671")
def each_side_learns_from_the_trace_of_the_other(rng: np.random.Generator) -> None:
    dense, pre, post = np.ones((2, 3), np.float32), np.array([False, True]), np.array([True, False, False])
    close(Dense(dense).update_on_pre(pre, np.array([0.1, 0.2, 0.3])).data, [[1, 1, 1], [1.1, 1.2, 1.3]])
    close(Dense(dense).update_on_post(np.array([0.1, 0.2]), post).data, [[1.1, 1, 1], [1.2, 1, 1]])


@report("BindsNET/bindsnet#534")
def bounds_are_those_of_each_weight(rng: np.random.Generator) -> None:
    dense = np.array([[0.2, 0.9], [0.5, 0.95]], np.float32)
    updated = CSR.fromdense(dense).update_on_post(np.array([0.3, -1.0]), np.array([True, True]), 0.0, 1.0)
    close(updated.todense(), [[0.5, 1.0], [0.0, 0.0]])


@report("NeuralEnsemble/PyNN#723")
def weights_keep_their_unit_and_dtype(rng: np.random.Generator) -> None:
    matrix = CSR.fromdense(a_dense(rng) * u.nS).astype(jnp.float16)
    updated = matrix.update_on_pre(np.ones(4, bool), np.ones(5) * u.uS)
    assert updated.unit == u.nS
    assert updated.dtype == np.float16


# -- nothing, zeros and infinities -------------------------------------------------------------------------------------


@report("pytorch/pytorch#90693")
def matrices_without_rows_or_columns(rng: np.random.Generator) -> None:
    for cls in CLASSES:
        close(np.zeros(0, np.float32) @ cls.fromdense(np.zeros((0, 5), np.float32)), np.zeros(5))
        close(cls.fromdense(np.zeros((4, 0), np.float32)) @ np.zeros(0, np.float32), np.zeros(4))


@report("pytorch/pytorch#16543", "pytorch/pytorch#19546", "pytorch/pytorch#4523")
def matrices_without_entries_give_zeros(rng: np.random.Generator) -> None:
    for cls in (CSR, CSC, COO):
        matrix = cls.fromdense(np.zeros(SHAPE, np.float32))
        close(np.ones(4, np.float32) @ matrix, np.zeros(5))
        close(matrix @ rng.normal(size=(5, 3)).astype(np.float32), np.zeros((4, 3)))


@report("cupy/cupy#3822", "pytorch/pytorch#138168")
def products_repeat_and_change_nothing(rng: np.random.Generator) -> None:
    matrix = CSR.fromdense(a_dense(rng))
    before = [np.array(leaf) for leaf in jax.tree.leaves(matrix)]
    found = {np.asarray(matrix @ np.ones(5, np.float32)).tobytes() for _ in range(5)}
    assert len(found) == 1
    for leaf, same in zip(jax.tree.leaves(matrix), before, strict=True):
        np.testing.assert_array_equal(leaf, same)


@report("apache/mxnet#15809")
def a_stored_zero_times_infinity_is_not_a_number(rng: np.random.Generator) -> None:
    matrix = COO(np.array([0.0, 2.0], np.float32), [0, 1], [0, 1], shape=(2, 3))
    np.testing.assert_array_equal(np.array([np.inf, 1], np.float32) @ matrix, [np.nan, 2, 0])
    np.testing.assert_array_equal(BinaryArray(np.array([np.inf, 0])) @ matrix, [0, 0, 0])


@report("jax-ml/jax#8897")
def packed_spikes_are_spikes(rng: np.random.Generator) -> None:
    dense, spikes = a_dense(rng), rng.random(4) < 0.5
    close(bitpack(spikes) @ CSR.fromdense(dense), spikes @ dense)
