"""The error classes, and what invalid calls of the public interface raise."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import CSR, BinaryArray, BrainEventError, XLACustomKernel
from brainevent_core import errors

#: The standard class by which users can catch each error without knowing ours.
STANDARD = {
    "BrainEventError": Exception,
    "MathError": ValueError,
    "StructureError": ValueError,
    "DTypeError": TypeError,
    "UnsupportedOperationError": NotImplementedError,
    "RegistrationError": ValueError,
    "KernelNotAvailableError": RuntimeError,
    "KernelBuildError": RuntimeError,
    "KernelCompilationError": RuntimeError,
    "KernelFallbackExhaustedError": RuntimeError,
    "BackendWarning": UserWarning,
}


def test_one_base_class() -> None:
    assert set(errors.__all__) == set(STANDARD)
    for name, standard in STANDARD.items():
        kind = getattr(brainevent, name)
        assert kind is getattr(errors, name)
        assert issubclass(kind, standard)
        assert issubclass(kind, BrainEventError) == (name != "BackendWarning")
        assert kind.__doc__


DATA = np.ones(3, np.float32)
INDICES, INDPTR, SHAPE = np.array([1, 0, 2]), np.array([0, 1, 3]), (2, 3)
ROW = np.array([0, 1, 1])
X = np.ones(3, np.float32)


def csrmv(
    data: Any = DATA, indices: Any = INDICES, indptr: Any = INDPTR, x: Any = X, shape: Any = SHAPE, **options: Any
) -> Any:
    return brainevent.csrmv(data, indices, indptr, x, shape=shape, **options)


def matrix() -> CSR:
    return CSR((DATA, INDICES, INDPTR), shape=SHAPE)


def custom(name: str, reference: Any = None) -> Any:
    """Call an operator that takes and returns one number."""
    kernel = XLACustomKernel(f"tests.errors.{name}")
    kernel.def_abstract_eval(lambda x: jax.ShapeDtypeStruct((1,), x.dtype))
    if reference is not None:
        kernel.def_reference(reference)
    return kernel(np.ones(1, np.float32))


def unbuilt(x: Any) -> Any:
    raise brainevent.KernelBuildError("there is no compiler")


def transposed_events() -> Any:
    return jax.linear_transpose(lambda x: matrix() @ BinaryArray(x), jnp.ones(3))(jnp.ones(2))


#: class: calls, and a pattern for the message.
BAD_CALLS: dict[str, list[tuple[Callable[[], Any], str]]] = {
    "MathError": [
        (lambda: csrmv(x=np.ones((3, 2))), r"csrmv multiplies a vector, got .*\(3, 2\); a matrix is for csrmm"),
        (
            lambda: brainevent.binary_densemm(np.ones((2, 3)), X),
            r"multiplies a matrix, got .*\(3,\); a vector is for binary_densemv",
        ),
        (lambda: csrmv(x=np.ones(2)), r"matrix \(2, 3\) @ array \(2,\); .* must have length 3"),
        (lambda: csrmv(x=X, transpose=True), r"matrix \(3, 2\) @ array \(3,\); .* must have length 2"),
        (lambda: csrmv(indptr=[0, 3]), r"one entry more than .*3; got 2"),
        (lambda: csrmv(shape=(2,)), r"two whole numbers \(rows, columns\), got \(2,\)"),
        (lambda: csrmv(data=np.ones(2)), r"must have shape \(3,\).*got \(2,\)"),
        (lambda: brainevent.coomv(DATA, ROW, [0], X, shape=SHAPE), r"one length, got shapes \(3,\) and \(1,\)"),
        (lambda: brainevent.fcnmv(1.0, INDICES, X, shape=SHAPE), r"shape \(2, connections per neuron\).*got \(3,\)"),
        (lambda: brainevent.densemv(DATA, X), r"takes a matrix, got .*\(3,\)"),
        (
            lambda: brainevent.csr_sddmm(INDICES, INDPTR, np.ones((2, 4)), np.ones((3, 4)), shape=SHAPE),
            r"\(2, k\) and \(k, 3\).*got \(2, 4\) and \(3, 4\)",
        ),
        (lambda: brainevent.coo2csr(ROW, [0], shape=SHAPE), r"got shapes \(3,\) and \(1,\)"),
        (lambda: brainevent.csr_to_coo_index(np.zeros((2, 2), int), INDICES), r"must be vectors.*\(2, 2\)"),
        (lambda: brainevent.grad(lambda w: w, argnums=2)(1.0), "argnums=2, but only 1 positional"),
    ],
    "StructureError": [
        (lambda: csrmv(indices=[1, 0, 3]), r"indices holds 3 at position 2, but .* 3 columns.*Correct the indices"),
        (lambda: csrmv(indptr=[0, 3, 3], indices=[-1, 0, 1]), "indices holds -1 at position 0"),
        (lambda: brainevent.csr_to_csc_index([0, 2, 1, 3], INDICES, shape=(3, 3)), "falls from 2 to 1 at position 1"),
        (lambda: brainevent.csc_to_csr_index([0, 1, 2, 3], [2, 0, 0], shape=SHAPE), "holds 2 at position 0"),
        (lambda: brainevent.coo_to_csc_index([0, 2], [0, 0], shape=SHAPE), "row holds 2 at position 1, .* 2 rows"),
        (lambda: brainevent.csr_to_coo_index([0, 2], INDICES), "run from 0 to the number of entries, 3"),
    ],
    "DTypeError": [
        (lambda: csrmv(indices=[1.0, 0.0, 2.0]), r"must hold integers, got dtype float64; convert it"),
        (lambda: csrmv(x=X * 1j), "real numbers, got dtype complex"),
        (lambda: brainevent.coo2csr(ROW, DATA, shape=SHAPE), "col must hold integers, got dtype float32"),
        (lambda: brainevent.matmul(X, X), "events or a brainevent matrix.*jnp.matmul"),
    ],
    "UnsupportedOperationError": [
        (lambda: matrix() @ matrix().T, r"CSR @ CSC.*not supported; use `.todense\(\)`"),
        (transposed_events, "not linear in the spikes.*use the float product"),
    ],
    "RegistrationError": [
        (lambda: XLACustomKernel("matmul"), "is a primitive of brainevent; choose another name"),
        (
            lambda: brainevent.get_registry().register_kernel("matmul", "gpu", print, backend="mine"),
            "'cuda' or 'rocm', not for 'gpu'",
        ),
    ],
    "KernelNotAvailableError": [
        (lambda: csrmv(backend="nmuba"), "no backend named 'nmuba'; found: "),
    ],
    "KernelCompilationError": [
        (lambda: custom("wrong_shape", lambda x: jnp.ones(2)), r"returned float32\[2\].*rule says float32\[1\]"),
    ],
    # In a kernel, it becomes a warning and the next kernel runs; after the reference there is none.
    "KernelBuildError": [(lambda: custom("unbuilt", unbuilt), "there is no compiler")],
    "KernelFallbackExhaustedError": [
        (lambda: custom("no_reference"), "No kernel of .*no_reference.*Declare one with def_reference"),
    ],
}


@pytest.mark.parametrize(
    ("name", "call", "message"),
    [(name, *case) for name, cases in BAD_CALLS.items() for case in cases],
    ids=[f"{name}-{i}" for name, cases in BAD_CALLS.items() for i in range(len(cases))],
)
def test_bad_call(name: str, call: Callable[[], Any], message: str) -> None:
    with pytest.raises(getattr(brainevent, name), match=f"(?s){message}") as caught:
        call()
    assert type(caught.value) is getattr(brainevent, name)


def test_every_error_has_a_bad_call() -> None:
    assert set(BAD_CALLS) == set(STANDARD) - {"BrainEventError", "BackendWarning"}
