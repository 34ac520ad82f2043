"""The weights of a model as a pytree, and derivatives with respect to it.

The leaves of a matrix include indices and pointers, which functions that change every leaf, such as optimisers, must
not get. They get the pytree of :func:`weights` instead, in which each matrix is replaced by its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import Array, Quantity
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.matrices import Matrix

__all__ = ["grad", "value_and_grad", "weights", "with_weights"]

_Parameters = ParamSpec("_Parameters")
_Model = TypeVar("_Model")
#: A first argument whose weights are one array.
_First = TypeVar("_First", bound=Matrix | Array | Quantity)
_Value = TypeVar("_Value")
_Aux = TypeVar("_Aux")


# -- the weights of a model --------------------------------------------------------------------------------------------


@overload
def weights(model: Matrix) -> Array | Quantity: ...
@overload
def weights(model: Any) -> Any: ...
def weights(model: Any) -> Any:
    """The weights of a model: the same pytree with the ``data`` of each matrix in place of the matrix.

    Use this pytree for optimisers, which change every leaf: it contains no indices, pointers or seeds. Gradients of
    :func:`grad` have the same structure, and :func:`with_weights` puts new weights back.

    Args:
        model: a matrix, or a pytree that contains matrices.

    Returns:
        The weights of the matrix, an array or a quantity; or the pytree. Leaves outside matrices stay unchanged.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> recurrent = brainevent.COO(jnp.array([2.0, 3.0]), [0, 1], [1, 0], shape=(2, 2))
        >>> brainevent.weights({"recurrent": recurrent, "bias": jnp.zeros(2)})
        {'bias': Array([0., 0.], dtype=float32), 'recurrent': Array([2., 3.], dtype=float32)}
    """
    return jax.tree.map(lambda node: node.data if _is_matrix(node) else node, model, is_leaf=_is_matrix)


def with_weights(model: _Model, weights: Any) -> _Model:
    """The model with other weights: every matrix keeps its structure, everything else comes from ``weights``.

    Args:
        model: a matrix, or a pytree that contains matrices.
        weights: a pytree of the structure of ``brainevent.weights(model)``. For a matrix, it holds an argument of its
            ``with_data``, in the unit of its weights or a compatible one.

    Returns:
        A model with the same classes, structures and units. ``jax.grad`` can differentiate it with respect to
        ``weights``.

    Raises:
        MathError: if ``weights`` has another structure, contains matrices, or weights of a wrong shape.
        DTypeError: if the weights of a matrix are not an array of numbers.
        UnitMismatchError: if the weights of a matrix have an incompatible unit, such as that of a gradient.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> recurrent = brainevent.COO(jnp.array([2.0, 3.0]), [0, 1], [1, 0], shape=(2, 2))
        >>> brainevent.with_weights(recurrent, jnp.array([4.0, 5.0])).todense()
        Array([[0., 4.],
               [5., 0.]], dtype=float32)
    """
    own, tree = jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_leaf)
    given, other = jax.tree_util.tree_flatten_with_path(weights, is_leaf=_is_leaf)
    for path, node in given:
        if _is_matrix(node):
            raise MathError(
                f"with_weights takes weights as brainevent.weights(model) gives them, got {node!r}{_at(path)}."
            )
    if other != tree:  # type: ignore[operator]  # for mypy a structure of JAX has no operators
        raise MathError(
            f"with_weights takes a pytree of the structure of brainevent.weights(model), {tree}, got {other}."
        )
    filled = (_filled(path, node, value) for (path, node), (_, value) in zip(own, given, strict=True))
    return jax.tree_util.tree_unflatten(tree, filled)


# -- derivatives -------------------------------------------------------------------------------------------------------


@overload
def value_and_grad(
    fun: Callable[Concatenate[_First, _Parameters], _Value], argnums: Literal[0] = 0, has_aux: bool = False
) -> Callable[Concatenate[_First, _Parameters], tuple[_Value, Array | Quantity]]: ...
@overload
def value_and_grad(
    fun: Callable[_Parameters, _Value], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[_Parameters, tuple[_Value, Any]]: ...
def value_and_grad(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the value of ``fun`` and its gradient with respect to the weights of an argument.

    It corresponds to ``jax.value_and_grad``, for arguments that contain matrices, anywhere in a pytree. The gradient
    has the structure of ``brainevent.weights(argument)``, without indices, pointers and seeds. Therefore it can't be
    confused with a model, and an optimiser that gets it can't change them.

    Args:
        fun: returns a number (an array of shape (), or a quantity), or ``(number, aux)`` if ``has_aux``.
        argnums: position of the argument to differentiate with respect to, or several.
        has_aux: whether ``fun`` also returns auxiliary data that is not differentiated.

    Returns:
        A function with the same arguments that returns ``(value, gradient)``, or ``((value, aux), gradient)``. The
        gradient is a tuple if ``argnums`` is one. Its unit is that of the value divided by that of the weight, as in
        ``brainunit.autograd``.

    Raises:
        DTypeError: a TypeError, if weights of a matrix, or a leaf outside a matrix, are not floating-point numbers.
        MathError: if there is no argument at a position.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> recurrent = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> spikes = brainevent.BinaryArray(jnp.array([True, False]))
        >>> value, gradient = brainevent.value_and_grad(lambda matrix: jnp.sum((spikes @ matrix) ** 2))(recurrent)
        >>> value, gradient
        (Array(4., dtype=float32), Array([4., 0.], dtype=float32))
        >>> brainevent.with_weights(recurrent, brainevent.weights(recurrent) - 0.1 * gradient).todense()
        Array([[0. , 1.6],
               [3. , 0. ]], dtype=float32)
    """

    @wraps(fun)
    def run(*args: Any, **kwargs: Any) -> Any:
        positions = [_position(argnum, len(args)) for argnum in _as_tuple(argnums)]
        models = [args[position] for position in positions]

        def loss(given: Sequence[Any]) -> Any:
            filled = list(args)
            for position, model, own in zip(positions, models, given, strict=True):
                filled[position] = _replaced(model, own)
            value, aux = fun(*filled, **kwargs) if has_aux else (fun(*filled, **kwargs), None)
            return units.detach(value)[0], (value, aux)

        for position, model in zip(positions, models, strict=True):
            _require_floats(model, position)
        (_, (value, aux)), gradients = jax.value_and_grad(loss, has_aux=True)([weights(model) for model in models])
        found = tuple(_in_units(gradient, units.unit_of(value)) for gradient in gradients)
        return ((value, aux) if has_aux else value), (found[0] if isinstance(argnums, int) else found)

    return run


@overload
def grad(
    fun: Callable[Concatenate[_First, _Parameters], Any], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Callable[Concatenate[_First, _Parameters], Array | Quantity]: ...
@overload
def grad(
    fun: Callable[Concatenate[_First, _Parameters], tuple[Any, _Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
) -> Callable[Concatenate[_First, _Parameters], tuple[Array | Quantity, _Aux]]: ...
@overload
def grad(
    fun: Callable[_Parameters, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[_Parameters, Any]: ...
def grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of ``fun`` with respect to the weights of an argument.

    Arguments, structure, units and errors are those of :func:`value_and_grad`.

    Returns:
        A function with the same arguments that returns the gradient, or ``(gradient, aux)`` if ``has_aux``.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> matrix = brainevent.COO(jnp.array([2.0]), [0, 1], [1, 0], shape=(2, 2))
        >>> brainevent.grad(lambda matrix: jnp.sum(matrix @ jnp.array([1.0, 3.0])))(matrix)
        Array([4.], dtype=float32)
    """
    both = value_and_grad(fun, argnums, has_aux=has_aux)

    @wraps(fun)
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run


# -- parts of a pytree -------------------------------------------------------------------------------------------------


def _is_matrix(node: Any) -> bool:
    return isinstance(node, Matrix)


def _is_leaf(node: Any) -> bool:
    """Whether a node is a leaf with weights: a matrix, or a quantity, which is one leaf."""
    return isinstance(node, Matrix | Quantity)


def _at(path: Any) -> str:
    return f" at {jax.tree_util.keystr(path)}" if path else ""


def _filled(path: Any, node: Any, value: Any) -> Any:
    """A leaf of a model, a matrix or anything else, with its weights replaced by ``value``."""
    own = node.data if _is_matrix(node) else node
    mantissa, unit = units.detach(value)
    if _is_matrix(node) and not _is_number(mantissa):
        raise DTypeError(f"with_weights takes numbers for the weights of {node!r}{_at(path)}, got {_kind(mantissa)}.")
    if isinstance(own, Quantity) or unit is not None:
        unit = units.unit_of(own)
        value = units.attach(
            units.mantissa_in(value, unit, f"What replaces the weights{_at(path)}", "those of the model"), unit
        )
    if not _is_matrix(node):
        return value
    return node._replace(value) if jnp.shape(units.detach(value)[0]) == own.shape else node.with_data(value)


def _replaced(model: Any, given: Any) -> Any:
    """Like :func:`with_weights`, for weights of the right structure, without checks."""
    return jax.tree.map(
        lambda node, own: node._replace(own) if _is_matrix(node) else own, model, given, is_leaf=_is_leaf
    )


def _require_floats(model: Any, position: int) -> None:
    """Raise an error that locates a leaf without a derivative; JAX's error doesn't give its location."""
    for path, node in jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_leaf)[0]:
        leaf, _ = units.detach(node.data if _is_matrix(node) else node)
        if isinstance(leaf, (bool, int)) or not jnp.issubdtype(getattr(leaf, "dtype", np.float32), np.inexact):
            if _is_matrix(node):
                what, do = f"the weights of {node!r}", "convert them, `matrix.with_data(matrix.data * 1.0)`"
            else:
                what, do = "a leaf", "convert it, or pass it by another argument"
            raise DTypeError(
                f"brainevent.grad differentiates with respect to floating-point numbers; argument {position} has "
                f"{what}{_at(path)}, of {_kind(leaf)}: {do}."
            )


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, int, float, complex)):
        return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and (dtype == np.bool_ or jnp.issubdtype(dtype, np.number))


def _kind(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return type(value).__name__
    return "dtype float0" if dtype == jax.dtypes.float0 else f"dtype {dtype}"


def _in_units(gradient: Any, unit: Any) -> Any:
    """The gradient in the unit of the value divided by that of the weight; JAX gives it the unit of the weight."""

    def divided(node: Any) -> Any:
        return units.attach_quotient(*units.detach(node), unit)

    return jax.tree.map(divided, gradient, is_leaf=_is_leaf)


def _as_tuple(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _position(argnum: int, count: int) -> int:
    if not -count <= argnum < count:
        raise MathError(f"argnums={argnum}, but only {count} positional arguments were given; pass it by position.")
    return argnum % count
