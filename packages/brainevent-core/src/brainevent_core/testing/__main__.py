"""``python -m brainevent_core.testing``."""

import sys

from brainevent_core.testing import main

if __name__ == "__main__":
    sys.exit(main())
