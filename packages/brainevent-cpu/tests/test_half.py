"""float16 on processors with and without conversion instructions."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numba
import numpy as np
import pytest

from brainevent_cpu.bridge import half, processor, simd
from brainevent_cpu.bridge.memory import float16_value

every_half = np.arange(2**16, dtype=np.uint16)


@pytest.mark.parametrize("by_processor", [False, True])
def test_every_float16_and_floats_between_them(
    by_processor: bool, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    from brainevent_cpu.kernels.native.plasticity.weights import float16_bits

    if by_processor and not processor.converts_half():
        pytest.skip("this processor has no instructions for float16")
    monkeypatch.setattr(half, "converts_half", lambda: by_processor)

    @numba.njit
    def values(bits, out):  # type: ignore[no-untyped-def]
        for i in range(bits.size):
            out[i] = float16_value(bits[i])

    @numba.njit
    def values_in_lanes(bits, out):  # type: ignore[no-untyped-def]
        for i in range(0, bits.size, simd.LANES):
            at = np.uint64(i)
            simd.store(out, at, simd.float16_lanes(simd.load(bits, at, simd.all_true())), simd.all_true())

    @numba.njit
    def nearest(numbers, out):  # type: ignore[no-untyped-def]
        for i in range(numbers.size):
            out[i] = float16_bits(numbers[i])

    expected = every_half.view(np.float16).astype(np.float32)
    for convert in (values, values_in_lanes):
        out = np.empty(2**16, np.float32)
        convert(every_half, out)
        np.testing.assert_array_equal(out, expected)

    # All float16 values, midpoints between neighbours, the float32 values next to both, and random values.
    finite = np.unique(expected[np.isfinite(expected)])
    exact = np.concatenate([finite, (finite[1:] + finite[:-1]) / 2, [65519, 65520, 65521, 1e30, np.inf]])
    anything = rng.integers(0, 2**32, 100_000, np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        beside = [np.nextafter(exact.astype(np.float32), np.float32(side)) for side in (np.inf, -np.inf)]
        numbers = np.concatenate([exact.astype(np.float32), *beside])
        numbers = np.concatenate([numbers, -numbers, anything, np.array([np.nan, -0.0, 1e-45], np.float32)])
        expected = numbers.astype(np.float16)
    out = np.empty(numbers.size, np.uint16)
    nearest(numbers, out)
    np.testing.assert_array_equal(out.view(np.float16), expected)
    np.testing.assert_array_equal(out[~np.isnan(numbers)], expected.view(np.uint16)[~np.isnan(numbers)])


PROGRAM = """
    import sys
    import jax.numpy as jnp
    import numpy as np
    import brainevent
    from brainevent_core.plugins import get_registry

    rng = np.random.default_rng(int(sys.argv[1]))
    weights = (rng.random((40, 30)) * (rng.random((40, 30)) < 0.4)).astype(np.float16)
    pre, post = rng.random(40) < 0.5, rng.random(30) < 0.5
    trace = rng.normal(size=30).astype(np.float16)
    W = brainevent.CSR.fromdense(jnp.asarray(weights))
    wide = weights.astype(np.float32)
    with get_registry().record() as selections:
        forward = np.asarray(brainevent.BinaryArray(pre) @ W)
        back = np.asarray(W @ brainevent.BinaryArray(post))
        learned = np.asarray(W.update_on_pre(pre, jnp.asarray(trace), w_min=0.0, w_max=1.0).todense())
    assert {selection.backend for selection in selections if selection.primitive != "todense"} == {"numba"}, selections
    np.testing.assert_allclose(forward, pre @ wide, rtol=2e-3)
    np.testing.assert_allclose(back, wide @ post, rtol=2e-3)
    expected = np.where(weights != 0, np.clip(weights + pre[:, None] * trace, 0, 1), 0)
    np.testing.assert_allclose(learned, expected, rtol=2e-3, atol=1e-3)
    print("right")
"""


@pytest.mark.parametrize(
    "setting",
    [
        {"NUMBA_CPU_NAME": "generic"},
        pytest.param({"NUMBA_ENABLE_AVX": "0"}, marks=pytest.mark.slow),
        pytest.param({"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "+sse4.2"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_float16_without_instructions_for_it(setting: dict[str, str], seed: int) -> None:
    """Regression: LLVM aborted the process."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(seed)]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **setting})
    assert (result.returncode, result.stdout) == (0, "right\n"), result.stderr
