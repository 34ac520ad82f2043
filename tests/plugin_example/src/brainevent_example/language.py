"""A kernel language, in which a product is defined by what a single entry adds to the result."""

import jax.numpy as jnp

__all__ = ["entry_kernel"]


def entry_kernel(term):
    """Make a product from ``term(weight, x)``, which is what an entry adds to the result.

    The product takes the weights, the indices of the entries into the result and into ``x``, ``x``, and the length of
    the result. Entries out of range are ignored; half-precision numbers are accumulated in single precision.
    """

    def product(weights, targets, sources, x, length):
        inside = (targets >= 0) & (targets < length) & (sources >= 0) & (sources < x.shape[0])
        columns = jnp.pad(x[:, None] if x.ndim == 1 else x, ((0, 1), (0, 0)))  # the last row is for entries outside
        wide = jnp.promote_types(weights.dtype, jnp.float32)
        values = columns[jnp.where(inside, sources.astype(jnp.int32), x.shape[0])]
        terms = jnp.where(inside[:, None], term(weights.astype(wide)[:, None], values), 0)
        lines = jnp.where(inside, targets.astype(jnp.int32), length)
        sums = jnp.zeros((length, columns.shape[1]), wide).at[lines].add(terms, mode="drop")
        return sums.reshape(length, *x.shape[1:]).astype(weights.dtype)

    return product
