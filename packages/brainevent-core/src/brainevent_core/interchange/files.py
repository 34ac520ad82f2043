"""Matrices in NumPy files: arrays, and a header in JSON that describes them, without pickle."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import matrices, units
from brainevent_core.errors import DTypeError, MathError, StructureError
from brainevent_core.formats import Format
from brainevent_core.matrices import Matrix
from brainevent_core.matrices.arguments import as_index_array
from brainevent_core.ops import require_whole
from brainevent_core.serialization import static_as_text, static_of_text, unit_as_text, unit_of_text

__all__ = ["load", "save"]

#: Version of the file layout. A reader supports its own and all earlier versions.
_VERSION: Final = 1

_HEADER: Final = "brainevent"

#: The dtypes that NumPy files don't support, and the dtypes in which they are stored.
_STORED_AS: Final = {"bfloat16": "uint16"}


def save(file: str | PathLike[str], matrix: Matrix) -> None:
    """Write a matrix to a NumPy file (``.npz``): its arrays, and a header in JSON.

    Later versions of brainevent can read the file, and ``numpy.load(file)`` shows its arrays by name, with the header
    in ``brainevent``. For a generated matrix, only a few numbers are stored. The file contains no pickled objects, so
    reading it never executes code.

    Args:
        file: the path; NumPy adds ``.npz`` to a name without it.
        matrix: of a class of brainevent, with concrete arrays.

    Raises:
        DTypeError: if it is not such a matrix.
        MathError: inside ``jit``, where it has no values.
        UnsupportedOperationError: for a matrix that is split over devices.

    Example:
        >>> import brainevent, numpy as np, tempfile, os
        >>> weights = brainevent.CSR.fromdense(np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)).with_csc_index()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     brainevent.save(os.path.join(folder, "weights.npz"), weights)
        ...     brainevent.load(os.path.join(folder, "weights.npz"))
        CSR(shape=(2, 2), nse=3, dtype=float32, csc_index)
    """
    if not isinstance(matrix, Matrix) or getattr(matrices, type(matrix).__name__, None) is not type(matrix):
        raise DTypeError(f"save takes a matrix of a class of brainevent, got {type(matrix).__name__}.")
    require_whole(matrix.__matrix_spec__.format, "file in this layout; checkpoint libraries save its arrays")
    (data, *structure), static = matrix.tree_flatten()
    mantissa, unit = units.detach(data)
    arrays = dict(zip(("data", *matrix._names), (mantissa, *structure), strict=True))
    if any(isinstance(array, jax.core.Tracer) for array in arrays.values()):
        raise MathError("Inside jit a matrix has no values to save: return it, and save it outside.")
    host = {name: np.asarray(array) for name, array in arrays.items()}
    header = {
        "version": _VERSION,
        "class": type(matrix).__name__,
        "static": json.loads(static_as_text(static)),
        "unit": None if unit is None else json.loads(unit_as_text(unit)),
        "arrays": {name: array.dtype.name for name, array in host.items()},
    }
    stored: dict[str, Any] = {_HEADER: np.array(json.dumps(header))}
    stored |= {name: array.view(_STORED_AS.get(array.dtype.name, array.dtype)) for name, array in host.items()}
    np.savez(file, **stored)


def load(file: str | PathLike[str]) -> Any:
    """Read a matrix from a file that was written by :func:`save`.

    Raises:
        StructureError: if it is not such a file, or was written by an incompatible later version.
        MathError: if its arrays do not fit each other.
    """
    with np.load(file, allow_pickle=False) as archive:
        if _HEADER not in archive.files:
            found = ", ".join(archive.files) or "nothing"
            raise StructureError(f"{file} is no file of brainevent.save: it has {found}.")
        header = json.loads(str(archive[_HEADER]))
        if header["version"] > _VERSION:
            raise StructureError(
                f"{file} was written by a later brainevent, in version {header['version']} of the layout; this one "
                f"reads up to {_VERSION}. Update brainevent."
            )
        arrays = [archive[name].view(jnp.dtype(dtype)) for name, dtype in header["arrays"].items()]
    cls = getattr(matrices, header["class"], None)
    if not (isinstance(cls, type) and issubclass(cls, Matrix)):
        raise StructureError(f"{file} holds a matrix of the class {header['class']!r}, which brainevent has not.")
    unit = None if header["unit"] is None else unit_of_text(json.dumps(header["unit"]))
    data, *structure = arrays
    children = units.attach(jnp.asarray(data), unit), *map(as_index_array, structure)
    matrix = cls.tree_unflatten(static_of_text(json.dumps(header["static"])), children)
    spec = matrix.__matrix_spec__
    if isinstance(spec.format, Format):
        # Values are not checked, because a matrix may have entries outside, which do not exist.
        weights = jnp.atleast_1d(jnp.asarray(data))
        spec.format.validate(weights, spec.structure, spec.shape)
    return matrix
