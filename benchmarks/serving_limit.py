"""The service beside its limit: decoding, preprocessing and the model in one process on all cores, without HTTP.

Both take turns on the same encoded images; at one connection, the latency beside that of calling the model directly.
"""

import itertools
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kedja import cli
from kedja.bundle import metadata
from kedja.common import cpus
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from serving import find_wrk, spread
from serving_load import Load, bodies
from serving_servers import SERVERS, Running


@dataclass
class Options:
    """Requests a second of the service as a share of the images a second that are possible without it."""

    bundle: Path = cli.option(Path("bundle"), "what is served")
    connections: list[int] = cli.option([16, 64], "at once")
    seconds: float = cli.option(4.0, "for each measurement")
    rounds: int = cli.option(3, "how often both take their turn")


def main(options: Options) -> None:
    find_wrk(install=False)
    loaded = metadata.load(options.bundle)
    images = [(options.bundle / golden.file).read_bytes() for golden in loaded.golden]
    content = bodies(options.bundle, loaded, "upload", "plain")
    predictor = Predictor(options.bundle)
    shares: dict[int, list[float]] = {count: [] for count in options.connections}
    added = []
    for _ in range(options.rounds):
        limit = images_a_second(predictor, images, options.seconds)
        direct = direct_milliseconds(predictor, images)
        ours = SERVERS["kedja"]
        with tempfile.TemporaryDirectory() as folder, Running(ours, options.bundle, Path(folder)) as running:
            running.wait_until_right("upload", content)
            load = Load(running, "upload", content, Path(folder))
            added.append(load.measure(1, options.seconds).p50_ms - direct)
            for count in options.connections:
                shares[count].append(load.measure(count, options.seconds).rate / limit)
        print(f"  limit {limit:.0f} images/s, directly {direct:.1f} ms an image", flush=True)
    for count in options.connections:
        print(f"at {count} connections {spread(shares[count])} of the limit; goal 0.85")
    print(f"at one connection {median(added):+.1f} ms to the direct call; goal +1.5")


def images_a_second(predictor: Predictor, images: list[bytes], seconds: float) -> float:
    """A thread for each core takes batches of the service's size."""
    done = [0] * cpus.available()
    size = Settings.max_batch
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    expected = predictor.metadata.input
    end = time.perf_counter() + seconds

    def work(place: int) -> None:
        for batch in itertools.cycle(batches):
            if time.perf_counter() >= end:
                return
            predictor.predict(expected.collate([expected.decode(data) for data in batch]))
            done[place] += len(batch)

    threads = [threading.Thread(target=work, args=[place]) for place in range(len(done))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def direct_milliseconds(predictor: Predictor, images: list[bytes]) -> float:
    """Median of one image after the other, from its bytes to its probabilities."""
    expected = predictor.metadata.input
    times = []
    for data in 5 * images:
        started = time.perf_counter()
        predictor.predict(expected.collate([expected.decode(data)]))
        times.append(1000 * (time.perf_counter() - started))
    return median(times)


if __name__ == "__main__":
    cli.run(main, Options)
