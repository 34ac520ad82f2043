"""The kernels of this package, in its own language and in jax.numpy."""

import jax.numpy as jnp

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT
from brainevent_core.formats import COO_FORMAT
from brainevent_core.plugins import Takes
from brainevent_example.language import entry_kernel

numbers = entry_kernel(lambda weight, x: weight * x)
nonzero_numbers = entry_kernel(lambda weight, x: jnp.where(x != 0, weight * x, 0))
events = entry_kernel(lambda weight, x: jnp.where(x, weight, 0))


# Calls that are not listed run on other backends, or on the reference.
supports_matmul = Takes(formats=(COO_FORMAT,), encodings=(FLOAT, SPARSE_FLOAT, BINARY, BITPACKED, COMPACT))
supports_packing = Takes(encodings=(BITPACKED,))


def matmul(data, row, col, x, *, format, shape, transpose, encoding):
    """``A @ x``, or ``A.T @ x`` if ``transpose``."""
    (targets, length), (sources, width) = ((row, shape[0]), (col, shape[1]))[:: -1 if transpose else 1]
    product = events if encoding.event else nonzero_numbers if encoding.selects else numbers
    return product(data, targets, sources, encoding.decode(x, width), length)


def pack(mask, *, encoding, length):
    """Pack 32 events per word, the first in the least significant bit."""
    bits = jnp.pad(mask, ((0, 32 * length - mask.shape[0]), *((0, 0),) * (mask.ndim - 1)))
    bits = bits.reshape(length, 32, *mask.shape[1:])
    return sum(bits[:, place].astype(jnp.uint32) << place for place in range(32))
