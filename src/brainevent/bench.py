"""Benchmarks of backends, see :mod:`brainevent_core.bench`; ``python -m brainevent.bench`` runs them."""

import sys as _sys

from brainevent_core.bench import *  # noqa: F403
from brainevent_core.bench import __all__, main  # noqa: F401

if __name__ == "__main__":
    _sys.exit(main())
