"""How long the filters' kernels take to compile, and how long a process takes that finds them compiled.

    python benchmarks/compile_time.py

Each figure is of a process of its own that imports the filters and runs each of them on a small batch: first with an empty cache,
then three times with what that left. A run compiles once, in its parent; workers start with the cache. Target: a worker with
FineWeb's four filters is hot in under 2 s of CPU time, its imports included.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from gristmill.kernels import cache_environment

CHAIN = ("imports", "gopher_repetition", "gopher_quality", "c4", "fineweb")
STAGES = {
    "gopher_repetition": "GopherRepetition()",
    "gopher_quality": "GopherQuality()",
    "c4": "C4(dialect='datatrove')",
    "fineweb": "FineWeb()",
    "refinedweb_lines": "RefinedWebLines()",
    "redpajama_signals": "RedPajamaSignals(lines=True)",
}
_CHILD = """
import json, time
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.refinedweb_lines import RefinedWebLines
from gristmill.filters.redpajama import RedPajamaSignals
found = {{"imports": time.process_time()}}
for name, stage in {stages}:
    started = time.process_time()
    stage.warm()
    found[name] = time.process_time() - started
print(json.dumps(found))
"""


def seconds_of_process(cache: str) -> tuple[dict[str, float], float, float]:
    """CPU seconds of each stage's first batch, of the whole process, and its wall time."""
    listed = ", ".join(f"({name!r}, {code})" for name, code in STAGES.items())
    environment = {
        **os.environ,
        **cache_environment(),
        "XDG_CACHE_HOME": cache,
        "NUMBA_CACHE_DIR": os.path.join(cache, "kernels"),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    child = [sys.executable, "-c", _CHILD.format(stages=f"[{listed}]")]
    done = subprocess.run(child, env=environment, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), cpu, wall


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        cold = seconds_of_process(cache)
        cached = min((seconds_of_process(cache) for _ in range(3)), key=lambda found: found[1])
    print(f"{'CPU seconds':24}{'empty cache':>12}{'cached':>10}")
    for name in cold[0]:
        print(f"{name:24}{cold[0][name]:12.2f}{cached[0][name]:10.2f}")
    print(f"{'the whole process':24}{cold[1]:12.2f}{cached[1]:10.2f}")
    print(f"{'by wall time':24}{cold[2]:12.2f}{cached[2]:10.2f}")
    hot = sum(cached[0][name] for name in CHAIN)
    print(
        f"a worker with FineWeb's four filters is hot after {hot:.2f} s of CPU time, target 2 s; with all after {cached[1]:.2f} s"
    )


if __name__ == "__main__":
    main()
