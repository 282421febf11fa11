"""Data preparation: peak memory by number of images, and its rate beside that of decoding alone.

    uv run benchmarks/data.py                             a few minutes
    uv run benchmarks/data.py images=10000,100000,1000000 folder=/dev/shm

Memory is what processes hold for themselves (anonymous pages), sampled over the process and its workers while they
run; mapped files are left out, because the system takes these pages back when it needs them.
"""

import io
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from kedja import cli
from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.data.preparation.pool import map_chunks
from kedja.data.preparation.prepare import CHUNK_IMAGES, prepare
from kedja.data.settings import Settings
from kedja.data.sources.files.tree import DiskFile
from kedja.data.sources.registry import open_source

PER_FOLDER = 1000
CLASSES = 10


@dataclass
class Options:
    """Measure data preparation."""

    images: list[int] = cli.option([10_000, 100_000], "numbers of small images whose peak memory is measured")
    side: int = cli.option(32, "of the small images, in pixels")
    rates: list[str] = cli.option(["png:32:10000", "jpeg:348:1500"], "format:side:number whose rates are compared")
    repeats: int = cli.option(3, "of each rate")
    folder: Path = cli.option(Path(tempfile.gettempdir()), "where images and data sets are made and removed")
    jobs: int = cli.option(0, "processes; 0: one per core")


def main(options: Options) -> None:
    jobs = options.jobs or available()
    print(f"{platform.platform()}, {jobs} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="kedja-bench-", dir=options.folder) as work:
        for number in options.images:
            measure_memory(Path(work), number, options.side, jobs)
        for text in options.rates:
            compare_rates(Path(work), text, options.repeats, jobs)


def measure_memory(work: Path, number: int, side: int, jobs: int) -> None:
    source = make_images(work / "images", number, side, "bmp")
    command = [sys.executable, __file__, "--prepare", str(source), str(work / "made" / "x"), str(jobs)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = Peak(process.pid)
    status = process.wait()
    seconds = time.monotonic() - start
    parent, worker = peak.stop()
    if status:
        raise KedjaError(f"the preparation of {number} images failed with status {status}")
    print(
        f"{number:>9,} images {side}×{side}: peak {parent / 2**20:6.0f} MiB + {worker / 2**20:4.0f} MiB a worker, "
        f"{number / seconds:7,.0f} images/s, pixels {number * side * side * 3 / 2**20:,.0f} MiB",
        flush=True,
    )
    shutil.rmtree(work / "made")
    shutil.rmtree(source)


def compare_rates(work: Path, text: str, repeats: int, jobs: int) -> None:
    """Alternate decoding alone and the whole preparation, in the same process, on the same files."""
    form, side, number = text.split(":")
    source = make_images(work / "images", int(number), int(side), form)
    size = min(int(side), 224)
    spec = ImageSpec(size, size, 3)
    walls, processors = [], []
    for _ in range(repeats):
        decode = spent(lambda: decode_all(source, spec, jobs))
        settings = Settings(source=str(source), label="top", size=str(size), jobs=jobs)
        whole = spent(partial(prepare_anew, settings, work))
        walls.append((int(number) / decode[0], int(number) / whole[0], decode[0] / whole[0]))
        processors.append((int(number) / decode[1], int(number) / whole[1], decode[1] / whole[1]))
        shutil.rmtree(work / "made")
    print(f"{form} {side}×{side}, {number} images, {jobs} processes, {repeats} repeats:")
    for what, rows in (("by the clock", walls), ("by processor time", processors)):
        decoding, preparing, ratio = (statistics.median(column) for column in zip(*rows, strict=True))
        low, high = min(row[2] for row in rows), max(row[2] for row in rows)
        print(
            f"  {what}: decoding alone {decoding:,.0f}/s, preparing {preparing:,.0f}/s, "
            f"ratio {ratio:.2f} ({low:.2f} to {high:.2f})",
            flush=True,
        )
    shutil.rmtree(source)


def prepare_anew(settings: Settings, work: Path) -> None:
    prepare(open_source(settings, work / "none"), work / "made" / "x", settings)


def decode_all(source: Path, spec: ImageSpec, jobs: int) -> None:
    files = [DiskFile(str(path)) for path in source.rglob("*") if path.is_file()]
    chunks = (files[start : start + CHUNK_IMAGES] for start in range(0, len(files), CHUNK_IMAGES))
    for _ in map_chunks(decode_chunk_only, spec, chunks, jobs, lambda path: 0):
        pass


def decode_chunk_only(spec: ImageSpec, chunk: Sequence[DiskFile]) -> list[int]:
    for file in chunk:
        preprocess(file.read_bytes(), spec)
    return [len(chunk)]


def make_images(root: Path, number: int, side: int, form: str) -> Path:
    """Photograph-like pictures, all different, in folders of a thousand below each class."""
    shutil.rmtree(root, ignore_errors=True)
    for position, data in enumerate(encoded_pictures(number, side, form)):
        folder = root / f"class{position % CLASSES}" / f"{position // (PER_FOLDER * CLASSES):04d}"
        if position % (PER_FOLDER * CLASSES) < CLASSES:
            folder.mkdir(parents=True)
        (folder / f"{position:08d}.{form}").write_bytes(data)
    return root


def encoded_pictures(number: int, side: int, form: str) -> Iterator[bytes]:
    generator = np.random.default_rng(0)
    if form == "bmp":
        yield from noise_pictures(number, side, generator)
        return
    for _ in range(number):
        coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(image + generator.integers(-8, 9, image.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, form.upper(), **({"compress_level": 1} if form == "png" else {}))
        yield buffer.getvalue()


def noise_pictures(number: int, side: int, generator: np.random.Generator) -> Iterator[bytes]:
    """Uncompressed noise, made as fast as files can be written."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, "BMP")
    header = buffer.getvalue()[: -side * side * 3]
    for _ in range(number):
        yield header + generator.bytes(side * side * 3)


def spent(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor in this process and its finished children."""
    clock, processor = time.monotonic(), sum(os.times()[:4])
    function()
    return time.monotonic() - clock, sum(os.times()[:4]) - processor


class Peak:
    """Samples the anonymous memory of a process and of the largest of its children."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._parent = self._child = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> tuple[int, int]:
        self._ended.set()
        self._thread.join()
        return self._parent, self._child

    def _sample(self) -> None:
        while not self._ended.wait(0.05):
            try:
                self._parent = max(self._parent, anonymous(self._process))
                for child in self._process.children(recursive=True):
                    self._child = max(self._child, anonymous(child))
            except (psutil.Error, OSError):
                continue


def anonymous(process: psutil.Process) -> int:
    """Bytes that the process holds for itself."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        line = next((text for text in status.read_text().splitlines() if text.startswith("RssAnon")), "RssAnon: 0 kB")
        return int(line.split()[1]) * 1024
    return int(process.memory_full_info().uss)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--prepare"]:
        chosen = Settings(source=sys.argv[2], label="top", jobs=int(sys.argv[4]))
        prepare(open_source(chosen, Path(sys.argv[3]).parent / ".none"), Path(sys.argv[3]), chosen)
    else:
        cli.run(main, Options)
