"""The registered encodings, which the tests of operations and backends iterate over."""

from brainevent_core.encodings.encoding import Encoding
from brainevent_core.errors import RegistrationError

__all__ = ["ENCODINGS", "get_encoding", "register_encoding", "unregister_encoding"]

#: All encodings that are registered, by name.
ENCODINGS: dict[str, Encoding] = {}


def register_encoding(encoding: Encoding) -> None:
    """Register an encoding, so that the conformance kit, the benchmarks and files find it by its name.

    Every primitive supports it, at least on the reference; kernels support the encodings that they list.

    Raises:
        RegistrationError: if another one has its name.
    """
    if ENCODINGS.get(encoding.name, encoding) is not encoding:
        raise RegistrationError(
            f"There is an encoding named {encoding.name!r} already; `unregister_encoding` it, or take another name."
        )
    if not encoding.name.isidentifier():
        raise RegistrationError(f"Names of encodings are identifiers, got {encoding.name!r}.")
    ENCODINGS[encoding.name] = encoding


def unregister_encoding(encoding: Encoding) -> None:
    """Remove an encoding from the registry, for tests."""
    ENCODINGS.pop(encoding.name, None)


def get_encoding(name: str) -> Encoding:
    """The encoding of that name; a RegistrationError if there is none."""
    if name not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        raise RegistrationError(f"No encoding is registered as {name!r} here, only {known}: import what registers it.")
    return ENCODINGS[name]


Encoding.find = staticmethod(get_encoding)
