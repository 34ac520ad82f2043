"""Just-in-time connectivity by functions: five for each law of weights, made of one table.

``jits`` (scalar), ``jitn`` (normal) and ``jitu`` (uniform) write the matrix down; ``...mv`` multiplies it with a
vector, ``...mm`` with a matrix, and ``binary_...`` with events. They make the matrix of
:class:`~brainevent_core.JITCScalarR` and its relatives, and use it once.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from brainevent_core.errors import MathError
from brainevent_core.events import BinaryArray, EventRepresentation
from brainevent_core.matrices import JITCMatrix, JITCNormalR, JITCScalarR, JITCUniformR
from brainevent_core.ops import matmul
from brainevent_core.ops.matmul import as_array

__all__ = [
    "binary_jitnmm",
    "binary_jitnmv",
    "binary_jitsmm",
    "binary_jitsmv",
    "binary_jitumm",
    "binary_jitumv",
    "jitn",
    "jitnmm",
    "jitnmv",
    "jits",
    "jitsmm",
    "jitsmv",
    "jitu",
    "jitumm",
    "jitumv",
]


class _Law(NamedTuple):
    """What the functions of a law differ in: names, the class of the matrix, and the parameters of its weights."""

    stem: str
    title: str
    matrix: type[JITCMatrix]
    parameters: dict[str, str]


_SCALAR = _Law("jits", "one weight for all", JITCScalarR, {"weight": "the weight of every connection"})
_NORMAL = _Law(
    "jitn",
    "normally distributed weights",
    JITCNormalR,
    {"loc": "mean of the weights", "scale": "standard deviation of the weights"},
)
_UNIFORM = _Law(
    "jitu",
    "uniformly distributed weights",
    JITCUniformR,
    {"low": "lower bound of the weights", "high": "upper bound of the weights"},
)

# How a product's operand is called, by the rank it has.
_OPERANDS = {1: ("mv", "vector", "(n,)", "(m,)"), 2: ("mm", "matrix", "(n, k)", "(m, k)")}

_DOC = """{summary}

Args:
    {parameters}
    prob: probability of a connection, a concrete number between 0 and 1.{operand}
    seed: a whole number, a ``jax.random`` key or two 32-bit words; None draws one.
    shape: (m, n), of the matrix before it is transposed.
    transpose: {transpose}.
    corder: whether the random stream runs along the rows of the matrix before it is transposed; events from that side
        cost the rows that fire.
    backend: name of the backend that must run it.

Returns:
    {returns}

Raises:
    MathError: if lengths or ranks do not fit, or ``prob`` is not between 0 and 1.
    DTypeError: if ``prob`` is traced, or the seed is none.
    KernelNotAvailableError: if ``backend`` has no kernel for it.

Example:
    >>> import brainevent, jax.numpy as jnp
    >>> {example}
    {shown}
"""


def _family(law: _Law) -> tuple[Callable[..., Any], ...]:
    """``(materialiser, mv, mm, binary_mv, binary_mm)`` of a law."""
    products = [_product(law, rank, event=event) for event in (False, True) for rank in (1, 2)]
    return (_materialiser(law), *products)


def _materialiser(law: _Law) -> Callable[..., Any]:
    def run(parameters: Any, *, shape: Any, transpose: bool, corder: bool, backend: str | None) -> Any:
        dense = law.matrix(parameters, shape=shape, corder=corder).todense(backend=backend)
        return dense.T if transpose else dense

    return _function(
        law,
        law.stem,
        run,
        summary=f"A random matrix with {law.title}, written down.",
        transpose="whether to return the transpose, of shape (n, m)",
        returns="An array of shape (m, n), or a quantity in the unit of the weights.",
        shown="(3, 4)",
    )


def _product(law: _Law, rank: int, *, event: bool) -> Callable[..., Any]:
    suffix, kind, shape_in, shape_out = _OPERANDS[rank]
    name = f"{'binary_' if event else ''}{law.stem}{suffix}"

    def run(parameters: Any, *, x: Any, shape: Any, transpose: bool, corder: bool, backend: str | None) -> Any:
        if not isinstance(x, EventRepresentation):
            x = BinaryArray(x) if event else as_array(x)
        if x.ndim != rank:
            raise MathError(f"{name} multiplies a {kind} of shape {shape_in}, got shape {tuple(x.shape)}.")
        matrix = law.matrix(parameters, shape=shape, corder=corder)
        return matmul(matrix.T if transpose else matrix, x, backend=backend)

    return _function(
        law,
        name,
        run,
        operand=("events" if event else "numbers") + f", {shape_in}; an array or a quantity",
        summary=f"The product of a random matrix with {law.title} and a {kind} of {'events' if event else 'numbers'}.",
        transpose="whether to multiply by the transpose; x then has length m, and the result n",
        returns=f"An array of shape {shape_out}, or a quantity.",
        shown="(3,)" if rank == 1 else "(3, 2)",
        example_operand="jnp.ones(4)" if rank == 1 else "jnp.ones((4, 2))",
    )


def _function(
    law: _Law, name: str, run: Callable[..., Any], *, operand: str = "", example_operand: str = "", **words: str
) -> Callable[..., Any]:
    """The public function ``name(*parameters of the law, prob, [x,] seed=None, *, shape, ...)``."""
    positional = [*law.parameters, "prob", *(["x"] if operand else [])]
    options = {"shape": inspect.Parameter.empty, "transpose": False, "corder": True, "backend": None}
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [
            *(inspect.Parameter(each, either) for each in positional),
            inspect.Parameter("seed", either, default=None),
            *(inspect.Parameter(each, keyword, default=default) for each, default in options.items()),
        ]
    )

    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}{signature}: {error}.") from None
        bound.apply_defaults()
        given = bound.arguments
        parameters = (*(given.pop(each) for each in law.parameters), given.pop("prob"), given.pop("seed"))
        return run(parameters, **given)

    example = ", ".join([*("0.5" for _ in law.parameters), "0.1", *([example_operand] if operand else [])])
    function.__name__ = function.__qualname__ = name
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__doc__ = _DOC.format(
        parameters="\n    ".join(f"{each}: {about}, a number or a quantity." for each, about in law.parameters.items()),
        operand=f"\n    x: {operand}." if operand else "",
        example=f"brainevent.{name}({example}, seed=0, shape=(3, 4)).shape",
        **words,
    )
    return function


jits, jitsmv, jitsmm, binary_jitsmv, binary_jitsmm = _family(_SCALAR)
jitn, jitnmv, jitnmm, binary_jitnmv, binary_jitnmm = _family(_NORMAL)
jitu, jitumv, jitumm, binary_jitumv, binary_jitumm = _family(_UNIFORM)
