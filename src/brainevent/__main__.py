"""``python -m brainevent``."""

import sys

from brainevent_core.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
