"""How long one image takes on this machine's CPU: `python -m kedja.experiments.analysis.latency <run>` prints JSON."""

import json
import statistics
import sys
import time
from pathlib import Path

REPEATS = 50
WARM_UP = 10


def measure(run: Path) -> float:
    """Median milliseconds of one uint8 image (1, H, W, C) through the network, one thread."""
    import numpy as np
    import torch

    from kedja.data.prepared import load
    from kedja.data.versions.ensure import ensure
    from kedja.frameworks.registry import find
    from kedja.runs.read import read_run

    # Before the framework starts threads of its own.
    torch.set_num_threads(1)
    finished = read_run(run)
    predict = find(finished.framework).load(run)
    example = load(ensure(finished.data["name"])).read(np.zeros(1, np.int64))
    times = []
    for _ in range(WARM_UP + REPEATS):
        since = time.perf_counter()
        predict(example)
        times.append(time.perf_counter() - since)
    return 1000 * statistics.median(times[WARM_UP:])


if __name__ == "__main__":
    print(json.dumps({"milliseconds": measure(Path(sys.argv[1]))}))
