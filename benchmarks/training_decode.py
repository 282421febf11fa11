"""Encoded images (`storage=files`): the loader of training beside bare decoding of the same files on the same cores.

Both decode the images of the training split in the same order with the same number of processes, alternately. The
loader gives batches to this process, which is what training waits for; bare decoding throws the pixels away.
Processor time counts this process and its workers, and hardly depends on what else the machine does.
"""

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.common.allocator import keep_freed_memory
from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.common.files import write_json
from kedja.data.prepared import PreparedDataset, load
from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import BatchLoader
from kedja.training.batches.sampler import EpochBatches

REPORT = Path("reports/benchmark-training-decode.json")
GOAL = 0.85


@dataclass
class Options:
    """Images a second of the loader of encoded images against decoding alone."""

    data: Path = cli.option(Path("data/grocery"), "prepared data set with storage=files")
    batch_size: int = cli.option(64, "of the loader")
    workers: int = cli.option(0, "processes; 0: one a core")
    repeats: int = cli.option(5, "rounds")
    images: int = cli.option(0, "of the training split a round; 0: all")


def main(options: Options) -> None:
    data = load(options.data)
    if data.images is not None:
        raise KedjaError(f"{options.data}/ holds pixels", "prepare it with storage=files")
    # As training does; processes that are forked inherit it.
    keep_freed_memory()
    workers = options.workers or available()
    dataset = ImageDataset(data, "train")
    count = options.images or len(dataset)
    sampler = EpochBatches(count, options.batch_size, seed=0)
    contestants = {
        "bare": lambda: decode_bare(data, dataset, sampler, workers),
        "loader": lambda: sum(len(batch.labels) for batch in BatchLoader(dataset, sampler, workers)),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(options.repeats):
        for name, contestant in contestants.items():
            found[name].append(rates(contestant))
    print(f"{platform.processor() or platform.machine()}, {workers} workers, {count} images to {data.spec.shape}")
    report(found)
    write_json(REPORT, {"workers": workers, "images": count, **found})


def rates(contestant: Callable[[], int]) -> tuple[float, float]:
    """Images a second by the clock, and a second of the processor."""
    started, spent = time.perf_counter(), sum(os.times()[:4])
    count = contestant()
    return count / (time.perf_counter() - started), count / (sum(os.times()[:4]) - spent)


def decode_bare(data: PreparedDataset, dataset: ImageDataset, sampler: EpochBatches, workers: int) -> int:
    """Each process decodes its share of the batches and says only when it is done."""
    batches = list(sampler)
    context = multiprocessing.get_context("fork")
    shares = [context.Process(target=decode_share, args=(data, dataset, batches[i::workers])) for i in range(workers)]
    for share in shares:
        share.start()
    for share in shares:
        share.join()
    return sum(len(batch) for batch in batches)


def decode_share(data: PreparedDataset, dataset: ImageDataset, batches: list[list[int]]) -> None:
    for batch in batches:
        for position in batch:
            preprocess(data.encoded(dataset.indices[position]), data.spec)


def report(found: dict[str, list[tuple[float, float]]]) -> None:
    for column, unit in enumerate(("images/s", "images a processor second")):
        print(f"\n{unit}: median (lowest … highest)")
        for name, rows in found.items():
            values = [row[column] for row in rows]
            print(f"  {name:<16} {statistics.median(values):8.0f}  ({min(values):.0f} … {max(values):.0f})")
        ratios = [ours[column] / bare[column] for ours, bare in zip(found["loader"], found["bare"], strict=True)]
        median = statistics.median(ratios)
        verdict = "reached" if median >= GOAL else "missed"
        print(f"  loader / bare    {median:8.3f}  ({min(ratios):.3f} … {max(ratios):.3f}), goal {GOAL} {verdict}")
