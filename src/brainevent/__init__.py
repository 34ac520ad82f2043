"""Event-driven sparse computation for brain simulation and spiking networks, in JAX.

A façade: every public name lives in :mod:`brainevent_core`, whose ``__all__`` is the one list of them. Backends are
packages of their own, found through their entry points.
"""

import sys as _sys

import brainevent_core as _core
from brainevent_core import *  # noqa: F403
from brainevent_core import __all__, __version__, config  # noqa: F401

# `import brainevent.config` finds the module of core, not a copy of it.
_sys.modules[f"{__name__}.config"] = _core.config
