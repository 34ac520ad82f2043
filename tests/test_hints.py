"""Common mistakes get a helpful error or warning, which names the argument and says what to write instead.

``docs/faults.md`` lists the faults that were found.
"""

import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, JITCNormalR, JITCScalarR
from brainevent_core.__main__ import main

DENSE = np.array([[0, 1, 2], [3, 0, 0]], np.float32)
S = scipy.sparse.csr_matrix(DENSE)
A = CSR.fromdense(DENSE)
IN_MV = A * u.mV
SPIKES, TRACE = np.array([1, 0]), np.ones(3, np.float32)

#: call: the class of the error, and a pattern for the message.
ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # Sparse matrices instead of arrays.
    **{
        f"{cls.__name__}({of.__name__}{', shape=' if shape else ''})": (
            lambda cls=cls, of=of, shape=shape: cls(of(DENSE), **shape),
            brainevent.DTypeError,
            rf"type {of.__name__}: use `brainevent\.from_scipy\(s\)`, or .*s\.to{cls.__name__.lower()}\(\)\)` for",
        )
        for cls in (CSR, CSC, COO)
        for of in (scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array)
        for shape in ({}, {"shape": DENSE.shape})
    },
    "Dense(SciPy)": (lambda: Dense(S), brainevent.DTypeError, r"Dense\(s\.toarray\(\)\)"),
    "FixedPostNumConn(SciPy)": (lambda: FixedPostNumConn(S), brainevent.DTypeError, r"fromdense\(s\.toarray\(\)\)"),
    "CSR(BCOO)": (
        lambda: CSR(BCOO.fromdense(jnp.asarray(DENSE)), shape=(2, 3)),
        brainevent.DTypeError,
        r"type BCOO: use `brainevent\.from_bcoo\(s\)`, or `brainevent\.from_bcoo\(s\)\.tocsr\(\)` for CSR",
    ),
    "CSR(CSR)": (lambda: CSR(A, shape=(2, 3)), brainevent.DTypeError, r"`matrix\.tocsr\(\)` converts it"),
    "COO(CSR)": (lambda: COO(A), brainevent.DTypeError, r"`matrix\.tocoo\(\)` converts it"),
    "fromdense": (lambda: CSR.fromdense(S), brainevent.DTypeError, r"type csr_matrix\. .*brainevent\.from_scipy\(s"),
    "FixedPostNumConn.fromdense": (lambda: FixedPostNumConn.fromdense(S), brainevent.DTypeError, r"s\.toarray\(\)"),
    "a product with SciPy's": (lambda: BinaryArray(SPIKES) @ S, brainevent.DTypeError, r"s\.toarray\(\)"),
    # Keywords.
    "conn_nun": (
        lambda: FixedPostNumConn(num_pre=3, num_post=3, conn_nun=2, weight=1.0),  # type: ignore[call-arg]
        brainevent.MathError,
        r"no conn_nun=; did you mean conn_num=\?",
    ),
    "conn_nun among few": (
        lambda: FixedPostNumConn(num_pre=3, conn_nun=2),  # type: ignore[call-arg]
        brainevent.MathError,
        r"no conn_nun=; did you mean conn_num=\?",
    ),
    "probability": (
        lambda: JITCScalarR(1.0, probability=0.1, shape=(3, 3)),  # type: ignore[call-arg]
        brainevent.MathError,
        r"prob, .*no probability=",
    ),
    # Units.
    "the trace": (
        lambda: IN_MV.update_on_pre(SPIKES, TRACE * u.nA),
        u.UnitMismatchError,
        "post_trace is given in nA, and the weights in mV.*Give post_trace in mV",
    ),
    "a trace without a unit": (
        lambda: IN_MV.update_on_post(np.ones(2), np.ones(3)),
        u.UnitMismatchError,
        "pre_trace is given without a unit, and the weights in mV",
    ),
    "a trace with a unit": (
        lambda: A.update_on_pre(SPIKES, TRACE * u.mV),
        u.UnitMismatchError,
        "post_trace is given in mV, and the weights without a unit.*as a plain number",
    ),
    "the lower bound": (
        lambda: IN_MV.update_on_pre(SPIKES, TRACE * u.mV, 0.0 * u.nA, 1.0 * u.mV),
        u.UnitMismatchError,
        "w_min is given in nA",
    ),
    "the upper bound": (
        lambda: brainevent.update_dense_on_binary_pre(DENSE * u.mV, SPIKES, TRACE * u.mV, None, 1.0),
        u.UnitMismatchError,
        "w_max is given without a unit",
    ),
    "parameters": (
        lambda: JITCNormalR(1.0 * u.mV, 0.1 * u.nA, 0.5, 0, shape=(3, 3)),
        u.UnitMismatchError,
        r"scale is given in nA, and the other parameters \(loc, scale\) in mV",
    ),
    # Events are not arrays, and an array of IDs is not a mask.
    **{
        f"events.{name}": (
            lambda name=name: getattr(BinaryArray(SPIKES), name),
            AttributeError,
            rf"BinaryArray has no attribute '{name}'; its `\.value` is .*, which has: `events\.value\.{name}`",
        )
        for name in ("sum", "any", "reshape", "astype", "at")
    },
    "bits.mean": (lambda: brainevent.bitpack(SPIKES).mean(), AttributeError, r"`events\.value\.mean`"),  # type: ignore[attr-defined]
    "events.spikes": (lambda: BinaryArray(SPIKES).spikes, AttributeError, r"no attribute 'spikes'\.$"),  # type: ignore[attr-defined]
    "ids": (
        lambda: BinaryArray([0, 1, 1]) @ A,
        brainevent.MathError,
        r"length 2 along the summed axis, got 3\. Events are given for each neuron; `jnp\.zeros\(n, bool\)\.at\[ids\]",
    ),
    # Internal names that users don't know.
    "fixed_num": (
        lambda: FixedPostNumConn(np.ones((2, 2)), np.zeros((2, 3), int), shape=(2, 3)),
        brainevent.MathError,
        r"^The weights of this matrix \(FixedPostNumConn or FixedPreNumConn\) must have shape \(2, 3\)",
    ),
    "csr": (
        lambda: CSR(np.ones(2), [0, 1, 2], [0, 3], shape=(1, 3)),
        brainevent.MathError,
        r"this matrix \(CSR or CSC\) must have shape \(3,\)",
    ),
    "index arrays that became floats": (
        lambda: jax.tree.map(lambda x: 1.0 * x, FixedPostNumConn.fromdense(DENSE)) @ TRACE,
        brainevent.DTypeError,
        r"indices of a matrix \(FixedPostNumConn or FixedPreNumConn\) must hold integers",
    ),
}


@pytest.mark.parametrize("call", ERRORS)
def test_error_leads_on(call: str) -> None:
    make, kind, message = ERRORS[call]
    with pytest.raises(kind, match=f"(?s){message}"):
        make()


def test_advice_for_scipy_works() -> None:
    """The code that the errors suggest."""
    for cls in (CSR, CSC, COO):
        with pytest.raises(brainevent.DTypeError) as caught:
            cls(S)
        for advice in re.findall("`(.*?)`", str(caught.value)):
            made = eval(advice, {"s": S, "brainevent": brainevent})
            np.testing.assert_array_equal(made.todense(), DENSE)
        assert type(made) is cls


#: Functions that take spikes.
TAKE_SPIKES: dict[str, Callable[[Any], Any]] = {
    "BinaryArray": BinaryArray,
    "BitPackedBinary": brainevent.bitpack,
    "CompactBinary": brainevent.CompactBinary,
    "with_value": lambda v: BinaryArray(SPIKES).with_value(v),
    "update_on_pre": lambda v: A.update_on_pre(v, TRACE),
    "binary_csrmv": lambda v: brainevent.binary_csrmv(A.data, A.indices, A.indptr, v, shape=A.shape, transpose=True),
}


@pytest.mark.parametrize("taker", TAKE_SPIKES)
def test_membrane_potentials_as_spikes_give_a_warning(taker: str) -> None:
    with pytest.warns(UserWarning, match="given as a quantity in mV.*`v > threshold`"):
        TAKE_SPIKES[taker](np.array([-65.0, -70.0]) * u.mV)


def test_graded_events_have_units_without_a_warning() -> None:
    assert (brainevent.SparseFloat(np.array([0.5, 0.0]) * u.mV) @ A).unit == u.mV


def test_name_that_a_kernel_does_not_know() -> None:
    def body(x: Any, out: Any) -> None:
        out[0] = x[0] * undefined_factor  # type: ignore[name-defined]  # noqa: F821

    kernel = brainevent.numba_kernel(body, outs=jax.ShapeDtypeStruct((1,), jnp.float32))
    fault = r"kernel 'body' (?s:.*)name 'undefined_factor' is not defined"
    with pytest.raises(brainevent.KernelCompilationError, match=fault) as caught:
        kernel(jnp.ones(1))
    assert len(str(caught.value).splitlines()) < 10
    assert len(traceback.format_exception(caught.value)) < 60


# -- the command line --------------------------------------------------------------------------------------------------


def test_command_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("info", "test", "bench"))


@pytest.mark.parametrize("module", ["brainevent.testing", "brainevent_core.testing"])
def test_command_without_its_extra_names_it(module: str) -> None:
    """As if allpairspy were not installed."""
    hidden = "import sys, runpy; sys.modules['allpairspy'] = None; sys.argv = [sys.argv[1], *sys.argv[2:]]; "
    run = f"{hidden}runpy.run_module(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", run, module, "--backend", "numba"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "pip install 'brainevent[testing]'" in done.stderr
    assert "Traceback" not in done.stderr
