"""A contender in a process of its own: times what it is told to, when it is told to.

    python worker.py MODULE_FILE CONTENDER

It imports ``CONTENDERS[CONTENDER]`` from the file, calls it once to get the function to time (compiled and warmed up),
answers "ready", and then one number of seconds for every line it reads. The file must not need brainevent of this
repository at import, because the interpreter may be that of another environment.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path


def main() -> None:
    path, name = Path(sys.argv[1]), sys.argv[2]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a contender prints must not look like an answer
    run, versions = module.CONTENDERS[name]()
    run()
    print(json.dumps({"ready": versions}), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps({"seconds": time.perf_counter() - start}), file=answers, flush=True)


if __name__ == "__main__":
    main()
