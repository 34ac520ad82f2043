"""The conformance kit, see :mod:`brainevent_core.testing`; ``python -m brainevent.testing`` runs it."""

import sys as _sys

from brainevent_core.testing import *  # noqa: F403
from brainevent_core.testing import __all__, main  # noqa: F401

if __name__ == "__main__":
    _sys.exit(main())
