"""``grad`` and ``value_and_grad`` of functions of matrices: derivatives with respect to weights, and nothing else."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import jax

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.matrices import DataRepresentation

__all__ = ["grad", "value_and_grad"]

_Parameters = ParamSpec("_Parameters")
#: The first argument, whose gradient is like it.
_First = TypeVar("_First")
_Value = TypeVar("_Value")
_Aux = TypeVar("_Aux")


@overload
def value_and_grad(  # type: ignore[overload-overlap]  # 0 is the one position whose argument has a type of its own
    fun: Callable[Concatenate[_First, _Parameters], _Value], argnums: Literal[0] = 0, has_aux: bool = False
) -> Callable[Concatenate[_First, _Parameters], tuple[_Value, _First]]: ...
@overload
def value_and_grad(
    fun: Callable[_Parameters, _Value], argnums: int | Sequence[int], has_aux: bool = False
) -> Callable[_Parameters, tuple[_Value, Any]]: ...
def value_and_grad(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the value of ``fun`` and its gradient; of a matrix, with respect to its weights.

    What ``jax.value_and_grad`` does, for arguments that hold matrices, anywhere in a pytree. Their indices, pointers
    and seeds have no derivative and stay as they are: the gradient of a matrix is a matrix of the same structure, with
    the gradient of its weights as ``data``. So ``matrix - rate * gradient`` is a step, and the rest of an argument is
    differentiated as by JAX.

    Args:
        fun: returns a number (an array of shape (), or a quantity), or ``(number, aux)`` if ``has_aux``.
        argnums: position of the argument to differentiate with respect to, or several.
        has_aux: whether ``fun`` also returns something that is not differentiated.

    Returns:
        A function of the same arguments that returns ``(value, gradient)``, or ``((value, aux), gradient)``. The
        gradient has the structure of the argument, or is a tuple, one for each of several ``argnums``. Its unit is that
        of the value divided by that of the weight, as in ``brainunit.autograd``.

    Raises:
        TypeError: if a leaf outside of a matrix, or the weights of one, are not floating-point numbers.
        MathError: if there is no argument at a position.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> spikes = brainevent.BinaryArray(jnp.array([True, False]))
        >>> value, gradient = brainevent.value_and_grad(lambda w: jnp.sum((spikes @ w) ** 2))(weights)
        >>> value, gradient.data
        (Array(4., dtype=float32), Array([4., 0.], dtype=float32))
        >>> weights.with_data(weights.data - 0.1 * gradient.data).todense()
        Array([[0. , 1.6],
               [3. , 0. ]], dtype=float32)
    """

    @wraps(fun)
    def run(*args: Any, **kwargs: Any) -> Any:
        positions = [_position(argnum, len(args)) for argnum in _as_tuple(argnums)]
        matrices = [args[position] for position in positions]

        def loss(weights: Sequence[Any]) -> Any:
            given = list(args)
            for position, like, own in zip(positions, matrices, weights, strict=True):
                given[position] = _with_weights(like, own)
            value, aux = fun(*given, **kwargs) if has_aux else (fun(*given, **kwargs), None)
            return units.detach(value)[0], (value, aux)

        weights = [_weights_of(argument) for argument in matrices]
        (_, (value, aux)), gradients = jax.value_and_grad(loss, has_aux=True)(weights)
        found = tuple(
            _with_weights(like, _in_units(gradient, units.unit_of(value)))
            for like, gradient in zip(matrices, gradients, strict=True)
        )
        return ((value, aux) if has_aux else value), (found[0] if isinstance(argnums, int) else found)

    return run


@overload
def grad(
    fun: Callable[Concatenate[_First, _Parameters], Any], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Callable[Concatenate[_First, _Parameters], _First]: ...
@overload
def grad(
    fun: Callable[Concatenate[_First, _Parameters], tuple[Any, _Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
) -> Callable[Concatenate[_First, _Parameters], tuple[_First, _Aux]]: ...
@overload
def grad(
    fun: Callable[_Parameters, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[_Parameters, Any]: ...
def grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``fun``; of a matrix, with respect to its weights.

    Arguments, units and errors as in :func:`value_and_grad`.

    Returns:
        A function of the same arguments that returns the gradient, or ``(gradient, aux)`` if ``has_aux``.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.COO(jnp.array([2.0]), [0, 1], [1, 0], shape=(2, 2))
        >>> gradient = brainevent.grad(lambda w: jnp.sum(w @ jnp.array([1.0, 3.0])))(weights)
        >>> gradient
        COO(shape=(2, 2), nse=2, dtype=float32)
        >>> gradient.data
        Array([4.], dtype=float32)
    """
    both = value_and_grad(fun, argnums, has_aux=has_aux)

    @wraps(fun)
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run


def _is_matrix(node: Any) -> bool:
    return isinstance(node, DataRepresentation)


def _is_quantity(node: Any) -> bool:
    return isinstance(node, units.Quantity)


def _weights_of(argument: Any) -> Any:
    """The argument with every matrix replaced by its weights."""
    return jax.tree_util.tree_map(lambda node: node.data if _is_matrix(node) else node, argument, is_leaf=_is_matrix)


def _with_weights(like: Any, weights: Any) -> Any:
    """``weights``, whose units may be others, in place of those in ``like``."""

    def fill(node: Any, own: Any) -> Any:
        if not _is_matrix(node):
            return own
        (_, *structure), aux = node.tree_flatten()
        return type(node).tree_unflatten(aux, (own, *structure))

    return jax.tree_util.tree_map(fill, like, weights, is_leaf=lambda node: _is_matrix(node) or _is_quantity(node))


def _in_units(gradient: Any, unit: Any) -> Any:
    """JAX gives a gradient the unit of the weight; divide that of the value by it instead."""

    def divided(node: Any) -> Any:
        return units.attach_quotient(*units.detach(node), unit)

    return jax.tree_util.tree_map(divided, gradient, is_leaf=_is_quantity)


def _as_tuple(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _position(argnum: int, count: int) -> int:
    if not -count <= argnum < count:
        raise MathError(f"argnums={argnum}, but only {count} positional arguments were given; pass it by position.")
    return argnum % count
