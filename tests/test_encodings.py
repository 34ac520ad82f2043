"""The encodings of events: each gives the same results as the mask that it represents, even if it is malformed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core.encodings import BINARY, get_encoding
from brainevent_core.formats import DENSE_FORMAT, FIXED_NUM_FORMAT, get_format
from brainevent_core.primitives import encode_events_p, matmul_p, sddmm_p

N = 37  # more than a word, and not a multiple of one


def bitpacked(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bit by bit, as defined, with noise in the surplus bits."""
    words = np.zeros(-(-mask.size // 32), np.uint32)
    for i, event in enumerate([*mask, *(rng.random(-mask.size % 32) < 0.5)]):
        words[i // 32] |= np.uint32(event) << np.uint32(i % 32)
    return words


def compact(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In random order, with duplicates, indices out of range, and leftovers after the last one."""
    indices = np.flatnonzero(mask)
    outside = [-1, -mask.size, mask.size, 2**31 - 1, -(2**31)]
    counted = rng.permutation([*indices, *indices[:2], *outside])
    return np.array([counted.size, *counted, *range(mask.size)], np.int32)


class Zeros:
    """A random generator that adds no noise to encodings."""

    def random(self, size: int) -> np.ndarray:
        return np.ones(size)


ZEROS: Any = Zeros()
ENCODINGS = {"bitpacked": bitpacked, "compact": compact}

#: Structures of shape (m, n), with duplicates and empty rows.
STRUCTURES: dict[str, Any] = {
    "dense": lambda rng, m, n: (),
    "coo": lambda rng, m, n: (rng.integers(m, size=90), rng.integers(n, size=90)),
    "csr": lambda rng, m, n: (rng.integers(n, size=90), np.sort([0, *rng.integers(90, size=m - 1), 90])),
    "fixed_num": lambda rng, m, n: (rng.integers(n, size=(m, 4)),),
}


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("format", STRUCTURES)
@pytest.mark.parametrize("operand", ENCODINGS)
def test_encodings_mean_the_mask(
    operand: str, format: str, transpose: bool, rank: int, rng: np.random.Generator
) -> None:
    shape = (N, 5) if transpose else (5, N)
    structure = STRUCTURES[format](rng, *shape)
    data = jnp.asarray(rng.normal(size=structure[0].shape if structure else shape), jnp.float32)
    masks = rng.random((N, *(3,) * (rank - 1))) < 0.3
    columns = [ENCODINGS[operand](mask, rng) for mask in masks.reshape(N, -1).T]
    # Columns of the same length: what follows after the count is ignored.
    height = max(map(len, columns))
    x = np.stack([np.pad(column, (0, height - len(column))) for column in columns], axis=-1)
    x = x.reshape(height, *masks.shape[1:])
    params: dict[str, Any] = {"format": get_format(format), "shape": shape, "transpose": transpose}

    y_shape = (5, *masks.shape[1:])
    y = jnp.asarray(rng.normal(size=y_shape), jnp.float32)

    @jax.jit
    def products(data: Any, y: Any, x: Any, masks: Any) -> Any:
        def encoded(data: Any, x: Any) -> Any:
            return matmul_p(data, *structure, x, encoding=get_encoding(operand), **params)

        plain = matmul_p(data, *structure, masks, encoding=BINARY, **params)
        batch = jax.vmap(encoded, (None, 0))(data, jnp.stack([x, x]))
        per_entry = sddmm_p(y, *structure, x, encoding=get_encoding(operand), **params)
        gradient = jax.grad(lambda data: jnp.vdot(y, encoded(data, x)))(data)
        of_plain = sddmm_p(y, *structure, masks, encoding=BINARY, **params)
        return (encoded(data, x), *batch, plain), (per_entry, gradient, of_plain)

    for *found, expected in products(data, y, x, masks):
        for one in found:
            # Kernels add in different orders.
            np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", ["reference", None])
@pytest.mark.parametrize("n", [0, 5, 32, 37, 129])
def test_encoding(n: int, backend: str | None, rng: np.random.Generator) -> None:
    """Compared with the definition: whole and partial words, and lists with too much or too little capacity."""
    masks = rng.random((n, 4)) < np.array([0.0, 0.1, 0.5, 1.0])
    words = [bitpacked(mask, rng=ZEROS) for mask in masks.T]
    found = encode_events_p(masks, encoding=get_encoding("bitpacked"), length=-(-n // 32), backend=backend)
    np.testing.assert_array_equal(found, np.stack(words, axis=1))
    for length in (1, 1 + n // 2, 1 + n, 4 + n):
        lists = [np.flatnonzero(mask)[: length - 1] for mask in masks.T]
        expected = np.stack([[one.size, *one, *[n] * (length - 1 - one.size)] for one in lists], axis=1)
        params: dict[str, Any] = {"encoding": get_encoding("compact"), "length": length, "backend": backend}
        np.testing.assert_array_equal(encode_events_p(masks, **params), expected)
        np.testing.assert_array_equal(encode_events_p(masks[:, 2], **params), expected[:, 2])
        batch = jax.vmap(lambda mask: encode_events_p(mask, **params))(masks.T)  # noqa: B023
        np.testing.assert_array_equal(batch, expected.T)


@pytest.mark.parametrize("capacity", [0, 3])
@pytest.mark.parametrize("count", [-(2**31), -1, 0, 2, 3, 4, 2**31 - 1])
def test_count_is_clipped_to_the_capacity(count: int, capacity: int) -> None:
    indices = [4, 0, 2][:capacity]
    x = np.array([count, *indices], np.int32)
    ones = jnp.eye(5, dtype=jnp.float32)
    out = matmul_p(ones, x, format=DENSE_FORMAT, shape=(5, 5), transpose=False, encoding=get_encoding("compact"))
    assert set(np.flatnonzero(out).tolist()) == set(indices[: max(count, 0)])


def test_no_entries() -> None:
    for operand, x in {"bitpacked": np.zeros(0, np.uint32), "compact": np.array([2, 0, -1], np.int32)}.items():
        params: dict[str, Any] = {"shape": (0, 4), "transpose": True, "encoding": get_encoding(operand)}
        for out in (
            matmul_p(np.ones((0, 4), np.float32), x, format=DENSE_FORMAT, **params),
            matmul_p(np.ones((0, 2), np.float32), np.zeros((0, 2), int), x, format=FIXED_NUM_FORMAT, **params),
        ):
            np.testing.assert_array_equal(out, np.zeros(4))


ERRORS = {
    "too few words": ("bitpacked", np.zeros(1, np.uint32), brainevent.MathError, r"\(2,\).*37 entries.*got \(1,\)"),
    "words of another size": ("bitpacked", np.zeros(2, np.int32), brainevent.DTypeError, "uint32, got int32"),
    "no count": ("compact", np.zeros(0, np.int32), brainevent.MathError, r"\(1 \+ capacity,\).*got \(0,\)"),
    "float indices": ("compact", np.zeros(3, np.float32), brainevent.DTypeError, "int32, got float32"),
    "rank": ("compact", np.zeros((3, 2, 2), np.int32), brainevent.MathError, r"got \(3, 2, 2\)"),
    "no array": ("compact", np.int32(0), brainevent.MathError, r"got \(\)"),
    "complex events": ("binary", np.zeros(37, np.complex64), brainevent.DTypeError, "complex64"),
    "float of another dtype": ("float", np.zeros(37, np.int32), brainevent.DTypeError, "float32 and int32"),
}


ENCODING_ERRORS = {
    "floats": (np.zeros(3, np.float32), "compact", 4, brainevent.DTypeError, "booleans.*float32"),
    "rank": (np.zeros((3, 1, 1), bool), "compact", 4, brainevent.DTypeError, r"\(3, 1, 1\)"),
    "no encoding": (np.zeros(3, bool), "binary", 3, brainevent.MathError, "bitpacked, compact, not as 'binary'"),
    "no count": (np.zeros(3, bool), "compact", 0, brainevent.MathError, "at least 1, not 0"),
    "too few words": (np.zeros(33, bool), "bitpacked", 1, brainevent.MathError, "length 2, not 1"),
}


@pytest.mark.parametrize("name", ENCODING_ERRORS)
def test_errors_of_encoding(name: str) -> None:
    mask, operand, length, kind, message = ENCODING_ERRORS[name]
    with pytest.raises(kind, match=message):
        encode_events_p(mask, encoding=get_encoding(operand), length=length)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    operand, x, kind, message = ERRORS[name]
    params: dict[str, Any] = {"shape": (2, 37), "transpose": False, "encoding": get_encoding(operand)}
    with pytest.raises(kind, match=message):
        matmul_p(np.ones((2, 37), np.float32), x, format=DENSE_FORMAT, **params)
