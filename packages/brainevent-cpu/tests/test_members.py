"""Kernels under `vmap` over any operands: one native call per batch, with the results of one call per member."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSR, BinaryArray, FixedPostNumConn, get_registry

SHAPE, WIDTH, SIZES = (13, 11), 4, (3, 2)


def random_csr(rng: np.random.Generator) -> Any:
    """A matrix with duplicates and empty rows, and some malformed indices and pointers."""
    bounds = np.sort(rng.integers(0, 40, SHAPE[0] + 1))
    bounds[rng.integers(SHAPE[0])] = rng.integers(-9, 60)
    indices = rng.integers(-2, SHAPE[1] + 2, 40)
    return CSR(_arrays(rng, 40, indices, bounds), shape=SHAPE, check=False)


def random_fixed(rng: np.random.Generator) -> Any:
    indices = rng.integers(-2, SHAPE[1] + 2, (SHAPE[0], WIDTH))
    return FixedPostNumConn(_arrays(rng, indices.shape, indices), shape=SHAPE, check=False)


def random_coo(rng: np.random.Generator) -> Any:
    structure = (rng.integers(-2, bound + 2, 40) for bound in SHAPE)
    return COO(_arrays(rng, 40, *structure), shape=SHAPE, check=False)


def _arrays(rng: np.random.Generator, shape: Any, *structure: np.ndarray) -> tuple[Any, ...]:
    return (jnp.asarray(rng.normal(size=shape), jnp.float32), *(jnp.asarray(array, jnp.int32) for array in structure))


MATRICES: dict[str, Callable[[np.random.Generator], Any]] = {
    "csr": random_csr,
    "csr_indexed": lambda rng: random_csr(rng).with_csc_index(),
    "fixed_num": random_fixed,
    "fixed_num_indexed": lambda rng: random_fixed(rng).with_csc_index(),
    "coo": random_coo,
    "dense": lambda rng: jnp.asarray(rng.normal(size=SHAPE), jnp.float32),
}


def update_on_pre(matrix: Any, pre: Any, post: Any) -> Any:
    if isinstance(matrix, jax.Array):
        return brainevent.update_dense_on_binary_pre(matrix, pre > 0, post, -1.0, 1.0)
    return matrix.update_on_pre(pre > 0, post, -1.0, 1.0).data


def update_on_post(matrix: Any, pre: Any, post: Any) -> Any:
    if isinstance(matrix, jax.Array):
        return brainevent.update_dense_on_binary_post(matrix, pre, post > 0, -1.0, 1.0)
    return matrix.update_on_post(pre, post > 0, -1.0, 1.0).data


# Functions of a matrix and of numbers for its rows and columns, from which events are computed.
OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "spikes @ A": lambda A, pre, post: BinaryArray(pre > 0) @ A,
    "A @ spikes": lambda A, pre, post: A @ BinaryArray(post > 0),
    "S @ A": lambda A, pre, post: BinaryArray(jnp.stack([pre > 0, pre > 1])) @ A,
    "A @ S": lambda A, pre, post: A @ BinaryArray(jnp.stack([post > 0, post < 1], 1)),
    "x @ A": lambda A, pre, post: pre @ A,
    "A @ x": lambda A, pre, post: A @ post,
    "gradients": lambda A, pre, post: jax.grad(
        lambda A, pre, post: (BinaryArray(pre) @ A) @ post + (pre @ (A @ BinaryArray(post))), (0, 1, 2), allow_int=True
    )(A, pre, post),
    "update_on_pre": update_on_pre,
    "update_on_post": update_on_post,
}

# For each vmap, outermost first, whether it maps the weights, the structure, `pre` and `post`.
MAPPED: dict[str, tuple[tuple[bool, ...], ...]] = {
    "weights": ((True, False, False, False),),
    "structure": ((False, True, False, False),),
    "matrix": ((True, True, False, False),),
    "all": ((True, True, True, True),),
    "weights, operands": ((True, False, False, False), (False, False, True, True)),
    "operands, matrix": ((False, False, True, True), (True, True, False, False)),
    "weights, structure": ((True, False, True, False), (False, True, False, True)),
}


def case(
    rng: np.random.Generator, name: str, levels: tuple[tuple[bool, ...], ...], scale: int
) -> tuple[list[Any], Any]:
    """Operands, with the mapped axes in front, and the tree definition of the matrix.

    The sizes of the axes are `SIZES`, times `scale`.
    """
    members = [MATRICES[name](rng) for _ in range(scale * int(np.prod(SIZES)))]
    _, tree = jax.tree.flatten(members[0])

    def operand(group: int, values: list[Any]) -> Any:
        shape = [scale * size if level[group] else 1 for size, level in zip(SIZES, levels)]
        chosen = jnp.stack(values[: int(np.prod(shape))])
        kept = [size for size, level in zip(shape, levels) if level[group]]
        return chosen.reshape(*kept, *chosen.shape[1:])

    leaves = [operand(int(i > 0), list(group)) for i, group in enumerate(zip(*map(jax.tree.leaves, members)))]
    vectors = [
        operand(2 + i, [jnp.asarray(rng.normal(size=size), jnp.float32) for _ in members])
        for i, size in enumerate(SHAPE)
    ]
    return [leaves, *vectors], tree


def mapped(function: Callable[..., Any], tree: Any, levels: tuple[tuple[bool, ...], ...]) -> Callable[..., Any]:
    def run(leaves: list[Any], pre: Any, post: Any) -> Any:
        return function(jax.tree.unflatten(tree, leaves), pre, post)

    for weights, structure, pre, post in reversed(levels):
        axes: Any = [[0 if weights else None] + [0 if structure else None] * (tree.num_leaves - 1)]
        run = jax.vmap(run, (*axes, 0 if pre else None, 0 if post else None))
    return run


def is_mapped(name: str, levels: tuple[tuple[bool, ...], ...]) -> bool:
    return name != "dense" or all(weights or pre or post for weights, _, pre, post in levels)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", MATRICES)
def test_one_call_for_a_batch(name: str, operation: str, full: bool, rng: np.random.Generator) -> None:
    """Numba runs a batch without a loop in the program, with as many calls as for any other size; results are right."""
    function = OPERATIONS[operation]
    labels = [label for label, levels in MAPPED.items() if is_mapped(name, levels)]
    for label in labels if full else [str(rng.choice(labels))]:
        levels = MAPPED[label]
        calls = []
        for scale in (2, 1):
            operands, tree = case(rng, name, levels, scale)
            run = jax.jit(mapped(function, tree, levels))
            with get_registry().record() as lowered, brainevent.use_backend("numba"):
                program = run.lower(*operands)
            text = program.as_text()
            assert "stablehlo.while" not in text, label
            calls.append(text.count("custom_call @brainevent"))
        assert calls[0] == calls[1], label
        assert calls[0] > 0 or name == "dense", label
        for selection in lowered:
            # Dense products with numbers, and outer products, are left to XLA.
            left = name == "dense" and (selection.primitive == "sddmm" or selection.params["encoding"].name == "float")
            assert selection.backend == "numba" or left, (label, selection)
        results = program.compile()(*operands)
        with brainevent.use_backend("reference"):
            expected = jax.jit(mapped(function, tree, levels))(*operands)
        for found, wanted in zip(jax.tree.leaves(results), jax.tree.leaves(expected), strict=True):
            if found.dtype != jax.dtypes.float0:
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4, err_msg=label)


@pytest.mark.parametrize("shape", [(4, 1500, 1200), (8, 400, 300), (3, 300, 200), (1, 1500, 1200)], ids=str)
def test_members_large_enough_for_threads(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    """A member on all threads, or several members in parallel, with the same results as one by one."""
    members, m, n = shape
    indices = jnp.asarray(rng.integers(0, n, (m, 60)), jnp.int32)
    weights = jnp.asarray(rng.normal(size=(members, m, 60)), jnp.float32)
    spikes, vector = jnp.asarray(rng.random(m) < 0.7), jnp.asarray(rng.normal(size=n), jnp.float32)

    def products(weights: jax.Array) -> Any:
        matrix = FixedPostNumConn((weights, indices), shape=(m, n))
        return BinaryArray(spikes) @ matrix, matrix @ vector

    one = jax.jit(products)
    together = jax.jit(jax.vmap(products))(weights)
    for position, found in enumerate(zip(*together)):
        for ours, wanted in zip(found, one(weights[position])):
            np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["csr", "csr_indexed", "fixed_num", "coo", "dense"])
@pytest.mark.parametrize("update", [update_on_pre, update_on_post])
def test_weights_of_members_change_in_place(name: str, update: Callable[..., Any], rng: np.random.Generator) -> None:
    """In a loop, no operation of the compiled program except the kernel outputs an array of the size of the weights."""
    matrix = MATRICES[name](rng)
    leaves, tree = jax.tree.flatten(matrix)
    weights = jnp.stack([leaves[0], 2 * leaves[0], 3 * leaves[0]])
    pre, post = (jnp.asarray(rng.normal(size=(100, size)), jnp.float32) for size in SHAPE)

    @jax.jit
    def simulate(weights: jax.Array) -> jax.Array:
        def one(weights: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
            result: jax.Array = update(jax.tree.unflatten(tree, [weights, *leaves[1:]]), pre, post)
            return result

        def step(weights: jax.Array, traces: Any) -> Any:
            return jax.vmap(one, (0, None, None))(weights, *traces), None

        return jax.lax.scan(step, weights, (pre, post))[0]

    size = ",".join(map(str, weights.shape))
    program = simulate.lower(weights).compile().as_text()
    body = program[: program.index("ENTRY")]
    assert f"f32[{size}]" in body
    assert not re.search(rf"= \(?f32\[{size}\]\S* (copy|copy-start|fusion|pad|concatenate|dynamic)\b", body), body
    with brainevent.use_backend("reference"):
        expected = simulate(weights)
    np.testing.assert_allclose(simulate(weights), expected, rtol=1e-4, atol=1e-4)
