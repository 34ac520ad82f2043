"""The conformance kit, see :mod:`brainevent_core.testing`."""

from brainevent_core.testing import *  # noqa: F403
from brainevent_core.testing import __all__  # noqa: F401
