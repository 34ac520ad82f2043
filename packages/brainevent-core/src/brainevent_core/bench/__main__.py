"""``python -m brainevent_core.bench``."""

import sys

from brainevent_core.bench import main

if __name__ == "__main__":
    sys.exit(main())
