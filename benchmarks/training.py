"""Training speed: Kedja's loop against its limit and against the textbook loop, on CIFAR-10-like images.

    python benchmarks/training.py [repeats=5 images=2048 width=0.25]
    python benchmarks/training.py peers       time to the accuracy of other libraries (benchmarks/training_race.py)
    python benchmarks/training.py decode      the loader of encoded images (benchmarks/training_decode.py)
    python benchmarks/training.py gpu         everything on a GPU (benchmarks/gpu.py)

limit: the same network and optimizer fed one batch that is ready; kedja: `Learner.learn` with its loader,
augmentation and bookkeeping; textbook: a folder of PNG files, torchvision's transforms an image at a time, a
`DataLoader` with two workers. They take turns, so that other load hits each alike, and ratios are of neighbours.
Images a processor second (workers included) hardly depend on what else the machine does.
"""

import importlib
import io
import os
import platform
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from kedja import cli
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.files import write_json
from kedja.training.batches.dataset import Batch, ImageDataset
from kedja.training.batches.loader import BatchLoader
from kedja.training.batches.sampler import EpochBatches
from kedja.training.config.compose import compose
from kedja.training.loop.learner import Learner
from kedja.training.loop.setup import set_up
from kedja.training.models.classifier import to_float

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
PUBLIC = Path("../shared/data/cifar10-train.zip")


@dataclass
class Options:
    """Measure images a second of Kedja's loop, of its limit, and of the textbook loop."""

    repeats: int = cli.option(5, "rounds; every contestant runs once a round")
    images: int = cli.option(2048, "images a round and contestant")
    width: float = cli.option(0.25, "width of the ResNet-9")
    threads: int = cli.option(2, "CPU threads")
    archive: Path = cli.option(PUBLIC, "CIFAR-10 as a zip of train/<class>/<name>.png; noise where it is missing")


class Images:
    """What `ImageDataset` reads, made from arrays."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = pixels, labels
        self.classes = [str(i) for i in range(10)]
        self.ids = [str(i) for i in range(len(labels))]
        self.spec, self.mean, self.std = ImageSpec(32, 32, 3), MEAN, STD

    def split(self, name: str) -> np.ndarray:
        return np.arange(len(self.labels))


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        contestants = make_contestants(options, Path(folder))
        speeds: dict[str, list[float]] = {name: [] for name in contestants}
        efforts: dict[str, list[float]] = {name: [] for name in contestants}
        for warm_up in contestants.values():
            warm_up()
        for _ in range(options.repeats):
            for name, contestant in contestants.items():
                started, spent = time.perf_counter(), processor_seconds()
                count = contestant()
                speeds[name].append(count / (time.perf_counter() - started))
                efforts[name].append(count / (processor_seconds() - spent))
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, CPU")
    report("images/s", speeds)
    report("images a processor second", efforts)
    write_json(Path("reports/benchmark-training.json"), {"speeds": speeds, "efforts": efforts})


def make_contestants(options: Options, folder: Path) -> dict[str, Callable[[], int]]:
    pixels, labels = read_images(options)
    write_folder(folder, pixels, labels)
    overrides = [
        "model=resnet9",
        f"model.width={options.width}",
        "augment=small-photos",
        "batch_size=128",
        "device=cpu",
        f"threads={options.threads}",
    ]
    config = compose(overrides)
    images: Any = Images(pixels, labels)
    dataset = ImageDataset(images, "train")
    learners = {}
    for name in ("limit", "kedja", "textbook"):
        learners[name] = set_up(config, images).learner
        learners[name].start_epoch(0)
    sampler = EpochBatches(len(dataset), 128, seed=0)
    loader = BatchLoader(dataset, sampler)
    return {
        "limit": lambda: plain_steps(learners["limit"], synthetic(len(dataset))),
        "kedja": lambda: kedja_steps(learners["kedja"], loader),
        "textbook": lambda: plain_steps(learners["textbook"], textbook_batches(folder)),
    }


def kedja_steps(learner: Learner, loader: "BatchLoader | list[Batch]") -> int:
    seen = 0
    for step, batch in enumerate(loader):
        outcome = learner.learn(batch, len(batch.labels), step, 0.1)
        assert torch.isfinite(outcome.loss)
        seen += len(batch.labels)
    return seen


def plain_steps(learner: Learner, batches: "Iterator[tuple[torch.Tensor, torch.Tensor]]") -> int:
    """The loop of every tutorial, on the same network and optimizer."""
    seen = 0
    for images, labels in batches:
        logits = learner.network(images)  # in the precision of Kedja's own loop
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        learner.optimizer.zero_grad()
        learner.fabric.backward(loss)
        learner.optimizer.step()
        seen += len(labels)
    return seen


def synthetic(images: int) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    pixels = to_float(torch.randint(256, (128, 32, 32, 3), dtype=torch.uint8))
    labels = torch.arange(128) % 10
    for _ in range(images // 128):
        yield pixels, labels


def textbook_batches(folder: Path) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    from torchvision import datasets, transforms

    varied = transforms.Compose(
        [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    dataset = datasets.ImageFolder(folder, varied)
    yield from torch.utils.data.DataLoader(dataset, batch_size=128, shuffle=True, num_workers=2)


def read_images(options: Options) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 32, 32, 3) and labels, evenly spread over the archive."""
    if not options.archive.is_file():
        print(f"{options.archive} is missing: noise instead of images", file=sys.stderr)
        generator = np.random.default_rng(0)
        return generator.integers(256, (options.images, 32, 32, 3), dtype=np.uint8), np.arange(options.images) % 10
    with zipfile.ZipFile(options.archive) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        chosen = [names[i] for i in np.linspace(0, len(names) - 1, options.images).astype(int)]
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in chosen])
    classes = sorted({Path(name).parent.name for name in chosen})
    return pixels, np.array([classes.index(Path(name).parent.name) for name in chosen])


def write_folder(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    for index, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = folder / str(label) / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)


def processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def report(unit: str, values: dict[str, list[float]]) -> None:
    print(f"\n{unit}: median (lowest … highest)")
    for name, found in values.items():
        print(f"  {name:<20} {statistics.median(found):8.0f}  ({min(found):.0f} … {max(found):.0f})")
    for other in ("limit", "textbook"):
        ratios = [a / b for a, b in zip(values["kedja"], values[other], strict=True)]
        print(f"  kedja / {other:<12} {statistics.median(ratios):8.3f}  ({min(ratios):.3f} … {max(ratios):.3f})")


if __name__ == "__main__":
    modules = {"peers": "training_race", "decode": "training_decode", "gpu": "gpu"}
    if sys.argv[1:2] and sys.argv[1] in modules:
        chosen = importlib.import_module(modules[sys.argv.pop(1)])
        cli.run(chosen.main, chosen.Options)
    else:
        cli.run(main, Options)
