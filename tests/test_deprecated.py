"""Old names: each resolves to the new one, with a warning that points at the caller; removed names raise an error."""

import functools
import importlib
import sys
import types
import warnings

import jax
import numpy as np
import pytest

import brainevent
import brainevent_core
from brainevent_core.deprecated import LEFT_OUT, RENAMED


@pytest.mark.parametrize("module", [brainevent, brainevent_core], ids=lambda module: module.__name__)
@pytest.mark.parametrize("old", RENAMED)
def test_old_name_is_the_new_object(old: str, module: types.ModuleType) -> None:
    new = RENAMED[old]
    message = f"{module.__name__}.{old} is now called {module.__name__}.{new}"
    with pytest.warns(DeprecationWarning, match=message) as seen:
        found = getattr(module, old)
    assert found is getattr(module, new)
    assert [warning.filename for warning in seen] == [__file__]
    assert old not in module.__all__


def test_import_of_an_old_name_points_at_the_importing_line() -> None:
    source = "\n\nfrom brainevent import JITCHomoR\n"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        exec(compile(source, "client.py", "exec"), {"__name__": "client"})
    assert {(warning.filename, warning.lineno, warning.category) for warning in seen} == {
        ("client.py", 3, DeprecationWarning)
    }


@pytest.mark.parametrize("name", LEFT_OUT)
def test_names_that_are_gone_say_what_to_do(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no longer has '{name}': ."):
        getattr(brainevent, name)


def test_tables_hold_old_names_only() -> None:
    for name in (*RENAMED, *LEFT_OUT):
        assert name not in brainevent.__all__
    assert not set(RENAMED) & set(LEFT_OUT)


def test_other_names_fail_as_in_any_module() -> None:
    for module in (brainevent, brainevent_core):
        with pytest.raises(AttributeError, match=f"^module '{module.__name__}' has no attribute 'CRS'$"):
            _ = module.CRS
    with pytest.raises(AttributeError, match="no longer has 'binary_csrmv_indexed_p': give the matrix an index"):
        _ = brainevent.binary_csrmv_indexed_p
    with pytest.raises(AttributeError, match="no longer has 'csrmv_p': all products use the primitives"):
        _ = brainevent.csrmv_p
    assert not hasattr(brainevent, "__wrapped__")
    assert importlib.import_module("brainevent_core.deprecated") is sys.modules["brainevent_core.deprecated"]


@pytest.mark.parametrize("name", ["jax", "jax_raw"])
def test_published_names_of_the_reference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = brainevent.CSR.fromdense(np.eye(3, dtype=np.float32))
    call = functools.partial(brainevent.binary_csrmv, matrix.data, matrix.indices, matrix.indptr, np.ones(3))
    with brainevent.get_registry().record() as lowered:
        call(shape=(3, 3), backend=name)
        with brainevent.use_backend(name):
            jax.jit(lambda x: brainevent.BinaryArray(x) @ matrix)(np.ones(3))
    assert lowered
    assert {selection.backend for selection in lowered} == {"reference"}
    monkeypatch.setenv("BRAINEVENT_BACKEND", name)
    assert brainevent.config.get_backend("cpu") == "reference"
