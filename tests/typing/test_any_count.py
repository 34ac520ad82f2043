"""The public interface has the type ``Any`` only where there is a reason for it."""

import runpy
from pathlib import Path

COUNT_ANY = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "count_any.py"))

#: Names that have the type ``Any`` on purpose, with the reason.
MEANT = {
    "XLACustomKernel.__call__": "arrays, parameters and results are those of its author",
    "general_batching_rule": "parameters of any primitive",
    "defjvp": "rules of any primitive",
    "XLACustomKernel.declare": "rules of any primitive",
    "weights": "any pytree",
    "with_weights": "any pytree",
    **dict.fromkeys(
        ("COO.apply_on_pre", "COO.apply_on_post", "csr_apply_on_pre", "csr_apply_on_post"),
        "a state, values and parameters of any pytree, for a rule of the user's",
    ),
    **dict.fromkeys(("COO.to_scipy", "from_scipy"), "a matrix of SciPy, which core doesn't import"),
    **dict.fromkeys(("COO.to_bcoo", "from_bcoo", "from_bcsr"), "a matrix of JAX's experimental package"),
    "COO.toarray": "that of todense(), which depends on the unit",
    "load": "a matrix of the class that was saved",
    "steps": "a number, an array or a distribution, as what is given",
}


def test_public_functions_are_typed() -> None:
    rows = dict(COUNT_ANY["table"]())
    assert set(rows) - set(MEANT) == set()
    assert set(MEANT) <= set(rows), "typed meanwhile: take it out of the list"


def test_what_is_counted() -> None:
    def function(a, b: "Array", *, c: "int | Any", d: "list[Any]") -> "Any":  # type: ignore  # noqa: F821
        return a

    # `Array` can't be resolved here, like names that are imported for type checkers only.
    assert COUNT_ANY["untyped"](function) == ["a", "c", "return"]
    names = [name for name, _ in COUNT_ANY["public_callables"]()]
    assert {"csrmv", "CSR.fromdense", "CSC.__init__", "COO.__matmul__", "BinaryArray.value"} <= set(names)
    assert len(names) == len(set(names)) > 200
