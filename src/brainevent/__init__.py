"""Event-driven sparse computation for brain simulation and spiking networks, in JAX.

This package re-exports the public names of :mod:`brainevent_core`, whose ``__all__`` is their only list. Backends are
separate packages, found through their entry points.
"""

import sys as _sys
from typing import TYPE_CHECKING, Any

import brainevent_core as _core
from brainevent_core import *  # noqa: F403
from brainevent_core import __all__, __version__, config, connect, sharding  # noqa: F401
from brainevent_core.deprecated import look_up as _look_up
from brainevent_core.plugins import kernel_language as _kernel_language

# `import brainevent.config` finds the module of core, not a copy of it.
for _module in (_core.config, _core.connect, _core.sharding):
    _sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module


if not TYPE_CHECKING:  # type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        language = _kernel_language(name)
        return _look_up(name, __name__) if language is None else language

    def __dir__() -> list[str]:
        # What completion shows: public names, and the modules that `import brainevent` brings.
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
