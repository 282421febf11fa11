"""One figure of one case, in milliseconds, for `regression.py`: python regression_probe.py CASE SEED

Uses what has been there since the first release, so that it runs on earlier commits too; what moved since is looked for
in both places, and the bundle is made by the tests of the commit that serves it.
"""

import importlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUESTS = 300
IMAGES = 100


def preprocess(seed: int) -> float:
    import numpy as np
    from PIL import Image

    preprocess = moved("kedja.bundle.inputs.image.preprocess", "kedja.bundle.preprocess").preprocess
    spec = moved("kedja.bundle.inputs.image.spec", "kedja.bundle.image_spec").ImageSpec(224, 224, 3, "crop")

    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(buffer, "JPEG")
    preprocess(buffer.getvalue(), spec)
    started = time.process_time()
    for _ in range(IMAGES):
        preprocess(buffer.getvalue(), spec)
    return (time.process_time() - started) * 1000 / IMAGES


def moved(now: str, before: str) -> Any:
    """A module by its name, or by the one that it had."""
    try:
        return importlib.import_module(now)
    except ModuleNotFoundError:
        return importlib.import_module(before)


def import_(seed: int) -> float:
    return cpu_of([sys.executable, "-c", "import kedja.serving.app"])


def start(seed: int) -> float:
    return with_service(lambda address, server, seconds: seconds * 1000)


def serve(seed: int) -> float:
    import psutil

    def ask(address: str, server: subprocess.Popen[str], seconds: float) -> float:
        from kedja.delivery.smoke import predict

        image = next(Path(BUNDLE).glob("samples/*"))
        process = psutil.Process(server.pid)
        predict(address, image)
        before = sum(process.cpu_times()[:2])
        for _ in range(REQUESTS):
            predict(address, image)
        return float(sum(process.cpu_times()[:2]) - before) * 1000 / REQUESTS

    return with_service(ask)


def train(seed: int) -> float:
    return cpu_of([sys.executable, "scripts/train.py", "experiment=debug", f"seed={seed}"])


def cpu_of(command: list[str]) -> float:
    """Processor time of a program and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr[-300:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def with_service(ask: Callable[[str, subprocess.Popen[str], float], float]) -> float:
    """Start the service on a small bundle, call `ask(address, process, seconds until ready)`, stop it."""
    from kedja.delivery.smoke import wait_until_ready

    command = [sys.executable, "-m", "kedja.serving", f"bundle={BUNDLE}", "port=0", "access_log=false"]
    started = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[-1]
        wait_until_ready(address, 60, lambda: server.poll() is None)
        return ask(address, server, time.monotonic() - started)
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


if __name__ == "__main__":
    case, seed = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        BUNDLE = folder + "/bundle"
        if case in ("start", "serve"):
            from support.bundles import make_bundle  # type: ignore[import-not-found]

            make_bundle(Path(BUNDLE))
        figure = {"preprocess": preprocess, "import": import_, "start": start, "serve": serve, "train": train}[case](
            seed
        )
    print(json.dumps(figure))
