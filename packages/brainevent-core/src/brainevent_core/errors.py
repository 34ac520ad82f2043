"""The errors and warnings of brainevent.

Every error derives from :class:`BrainEventError` and, where Python or JAX users expect a standard exception,
from that as well: a shape mismatch is a :class:`ValueError`, an unsupported operation a :class:`NotImplementedError`.
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
    """Base class of all errors that brainevent raises on purpose."""


class MathError(BrainEventError, ValueError):
    """Operands whose ranks or shapes do not fit the operation."""


class StructureError(BrainEventError, ValueError):
    """Indices, pointers or shapes that do not describe a matrix."""


class DTypeError(BrainEventError, TypeError):
    """An operand of a type or dtype that the operation does not take."""


class UnsupportedOperationError(BrainEventError, NotImplementedError):
    """An operation that is not defined for these operands."""


class RegistrationError(BrainEventError, ValueError):
    """A primitive, kernel or backend declared twice, or declared inconsistently."""


class KernelNotAvailableError(BrainEventError, RuntimeError):
    """A backend asked for by name is unusable, or has no kernel for what was called."""


class KernelCompilationError(BrainEventError, RuntimeError):
    """A kernel could not be compiled."""


class KernelBuildError(KernelCompilationError):
    """A kernel of a backend could not be built on this machine. Raised by a kernel while it is traced, it makes the
    next kernel that accepts the call run, or the reference, with a :class:`BackendWarning`."""


class KernelFallbackExhaustedError(BrainEventError, RuntimeError):
    """No kernel accepts the call, and the primitive has no reference to fall back on."""


class BackendWarning(UserWarning):
    """A backend was skipped, or the reference runs where a kernel was expected."""
