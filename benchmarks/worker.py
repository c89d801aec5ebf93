"""A process that runs pieces of work of its own checkout when it is told to, and says how long each took.

Standard input: the number of a piece a line. Standard output: the names as JSON, then nanoseconds, a line each.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.suites import WAYS
from firmware_host.profile import load_profile

if __name__ == "__main__":
    ways = {
        f"{suite}: {name}": way for suite in sys.argv[1:] for name, way in WAYS[suite](load_profile("emulated")).items()
    }
    print(json.dumps(list(ways)), flush=True)
    pieces = list(ways.values())
    for line in sys.stdin:
        began = time.perf_counter_ns()
        pieces[int(line)]()
        print(time.perf_counter_ns() - began, flush=True)
