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
    import torch

    from kedja.data.prepared import load
    from kedja.data.versions.ensure import ensure
    from kedja.runs.read import read_run
    from kedja.training.models.restore import load_model

    torch.set_num_threads(1)
    model = load_model(run)
    shape = load(ensure(read_run(run).data["name"])).spec.shape
    image = torch.zeros((1, *shape), dtype=torch.uint8)
    times = []
    with torch.inference_mode():
        for _ in range(WARM_UP + REPEATS):
            since = time.perf_counter()
            model(image)
            times.append(time.perf_counter() - since)
    return 1000 * statistics.median(times[WARM_UP:])


if __name__ == "__main__":
    print(json.dumps({"milliseconds": measure(Path(sys.argv[1]))}))
