"""The errors and warnings of brainevent.

Every error derives from :class:`BrainEventError`, and also from the standard exception that Python or JAX users expect:
a shape mismatch is a :class:`ValueError`, an unsupported operation a :class:`NotImplementedError`.
Messages say what was given, what was expected, and what to do.
"""

__all__ = [
    "BackendWarning",
    "BrainEventError",
    "DTypeError",
    "KernelBuildError",
    "KernelCompilationError",
    "KernelFallbackExhaustedError",
    "KernelNotAvailableError",
    "MathError",
    "RegistrationError",
    "StructureError",
    "UnsupportedOperationError",
]


class BrainEventError(Exception):
    """Base class of all errors that brainevent raises deliberately."""


class MathError(BrainEventError, ValueError):
    """Operands whose ranks or shapes do not fit the operation."""


class StructureError(BrainEventError, ValueError):
    """Indices, pointers or shapes that do not describe a matrix."""


class DTypeError(BrainEventError, TypeError):
    """An operand of a type or dtype that the operation does not support."""


class UnsupportedOperationError(BrainEventError, NotImplementedError):
    """An operation that is not defined for these operands."""


class RegistrationError(BrainEventError, ValueError):
    """A primitive, kernel or backend that is declared twice, or declared inconsistently."""


class KernelNotAvailableError(BrainEventError, RuntimeError):
    """A requested backend can't be used, or has no kernel for the call."""


class KernelCompilationError(BrainEventError, RuntimeError):
    """A kernel could not be compiled."""


class KernelBuildError(KernelCompilationError):
    """A kernel of a backend could not be built on this machine. If a kernel raises this error while it is traced, the
    next kernel that supports the call runs, or the reference, with a :class:`BackendWarning`."""


class KernelFallbackExhaustedError(BrainEventError, RuntimeError):
    """No kernel supports the call, and the primitive has no reference."""


class BackendWarning(UserWarning):
    """A backend was skipped, or the reference runs where a kernel was expected."""
