"""Products with operands of every kind. As a script, calls an exported program with these: FILE SEED."""

import json
import sys
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.export
import jax.numpy as jnp
import numpy as np

import brainevent


def calls(seed: int) -> dict[str, tuple[Any, Any, Any]]:
    """Name → operand, matrix, and the result according to NumPy; the same for the same seed."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((5, 7)) < 0.5, rng.normal(size=(5, 7)), 0).astype(np.float32)
    spikes, x = rng.random(5) < 0.5, rng.normal(size=5).astype(np.float32)
    targets = np.argsort(rng.random((5, 7)), axis=1)[:, :3]
    fixed = np.zeros_like(dense)
    np.put_along_axis(fixed, targets, dense[:, :3], 1)
    csr, generated = brainevent.CSR.fromdense(dense), brainevent.JITCNormalR(0.5, 0.1, 0.4, seed, shape=(5, 7))
    constant = brainevent.JITCScalarC(0.5 * u.nS, 0.4, seed, shape=(5, 7))
    mask = jnp.asarray(spikes)
    return {
        "CSR": (jnp.asarray(x), csr, x @ dense),
        "CSR with an index": (jnp.asarray(x), csr.with_csc_index(), x @ dense),
        "CSC, units": (x * u.mV, brainevent.CSC.fromdense(dense * u.nS), (x @ dense) * (u.mV * u.nS)),
        "COO": (brainevent.SparseFloat(jnp.asarray(x)), brainevent.COO.fromdense(dense), x @ dense),
        "Dense": (brainevent.BinaryArray(mask), brainevent.Dense(dense), spikes @ dense),
        "FixedPostNumConn": (mask, brainevent.FixedPostNumConn((dense[:, :3], targets), shape=(5, 7)), spikes @ fixed),
        "BitPackedBinary": (brainevent.BitPackedBinary(mask), csr, spikes @ dense),
        "CompactBinary": (brainevent.CompactBinary(mask), csr, spikes @ dense),
        "JITCNormalR": (jnp.asarray(x), generated, x @ np.asarray(generated.todense())),
        "JITCScalarC, units": (x * u.mV, constant, (x * u.mV) @ constant.todense()),
    }


def parts(value: Any) -> tuple[str | None, list[float]]:
    """The unit and the numbers of a result, as types that JSON supports."""
    unit = repr(value.unit) if isinstance(value, u.Quantity) else None
    return unit, np.asarray(getattr(value, "mantissa", value)).tolist()


if __name__ == "__main__":
    products = jax.export.deserialize(bytearray(Path(sys.argv[1]).read_bytes()))
    arguments = {name: (operand, matrix) for name, (operand, matrix, _) in calls(int(sys.argv[2])).items()}
    print(json.dumps({name: parts(result) for name, result in products.call(arguments).items()}))
