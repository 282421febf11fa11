"""Pack code, missing wheels and data for the GPU benchmark on a machine without a network.

    python benchmarks/gpu_pack.py [folder=.gpu data=cifar10 photos=../shared/data/grocery-train-val.zip]

Makes `<folder>/1/`, `<folder>/2/`, …, each under `most` megabytes. There: `sh <folder>/1/gpu.sh`, with one part or more
lying beside each other; what needs data of a part that is not there yet waits for it. CIFAR-10 travels as lossless
strips of 500 images, from which the prepared data set comes out byte for byte.
"""

import csv
import io
import lzma
import multiprocessing
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kedja import cli
from kedja.common.errors import KedjaError

ROOT = Path(__file__).resolve().parents[1]
CODE = ("src", "conf", "scripts", "benchmarks", "tests", "pyproject.toml", "uv.lock", "data.dvc", "justfile")
# What training imports and an installation of PyTorch does not bring along; pure Python but for two.
WHEELS = (
    *("hydra-core", "omegaconf", "antlr4-python3-runtime==4.9.3", "lightning-fabric", "lightning-utilities"),
    *(
        "packaging",
        "pyyaml",
        "msgspec",
        "safetensors",
        "skops",
        "skl2onnx",
        "nvidia-ml-py",
        "timm",
        "tensorboard",
        "python-multipart",
    ),
    *(
        "fastapi",
        "starlette",
        "pydantic",
        "pydantic-core",
        "annotated-types",
        "typing-inspection",
        "httptools",
        "uvicorn",
    ),
)
PLATFORM = ("--python-version", "3.12", "--implementation", "cp", "--only-binary=:all:")
IMAGES_A_STRIP = 500


@dataclass
class Options:
    """Pack the GPU benchmark."""

    folder: Path = cli.option(Path(".gpu"), "where the parts go")
    data: str = cli.option("cifar10", "the prepared data set; smaller than CIFAR-10 for a try")
    photos: Path = cli.option(Path("../shared/data/grocery-train-val.zip"), "a zip of photographs as JPEG")
    count: int = cli.option(400, "photographs that are packed")
    most: int = cli.option(45, "megabytes of a part at the most")
    wheels: Path | None = cli.option(None, "a folder of wheels that are there already; fetched without")


def main(options: Options) -> None:
    if not (ROOT / "data" / options.data / "images.npy").is_file():
        raise KedjaError(f"data/{options.data}/ is not there", "just data source=cifar10-train.zip name=cifar10")
    shutil.rmtree(options.folder, ignore_errors=True)
    first = options.folder / "1"
    first.mkdir(parents=True)
    shutil.copy(ROOT / "benchmarks/gpu.sh", first / "gpu.sh")
    _pack(first / "code.tar.xz", [(ROOT / name, name) for name in _tracked()])
    _fetch_wheels(first / "wheels", options.wheels)
    _pack_data(first / "data.tar.xz", options)
    strips = _strips(ROOT / "data" / options.data / "images.npy", options.folder / "strips")
    number, room = 1, options.most * 10**6 - _bytes(first)
    for strip in strips:
        if strip.stat().st_size > room:
            number, room = number + 1, options.most * 10**6
        target = options.folder / str(number) / "strips"
        target.mkdir(parents=True, exist_ok=True)
        room -= strip.stat().st_size
        strip.rename(target / strip.name)
    (options.folder / "strips").rmdir()
    for part in sorted(options.folder.iterdir()):
        print(f"{part}: {_bytes(part) / 1e6:.1f} MB")


def _tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z", *CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def _pack(archive: Path, files: list[tuple[Path, str]]) -> None:
    with tarfile.open(archive, "w:xz") as tar:
        for path, name in files:
            tar.add(path, name)


def _fetch_wheels(target: Path, there: Path | None) -> None:
    if there is not None:
        shutil.copytree(there, target)
        return
    target.mkdir()
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pip = [shutil.which("python3") or "python3", "-m", "pip"]
    built = [name for name in WHEELS if name.startswith("antlr4")]  # there is no wheel of it: one is made
    rest = [name for name in WHEELS if name not in built]
    subprocess.run([*pip, "download", "-q", "--no-deps", *PLATFORM, "-d", target, *rest], check=True)
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", target, *built], check=True)


def _pack_data(archive: Path, options: Options) -> None:
    """All of the prepared data set but its pixels, and some photographs."""
    folder = ROOT / "data" / options.data
    with tarfile.open(archive, "w:xz", preset=lzma.PRESET_DEFAULT) as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "images.npy":
                tar.add(path, f"data/cifar10/{path.relative_to(folder).as_posix()}")
        if options.photos.is_file():
            with zipfile.ZipFile(options.photos) as photos:
                names = sorted(name for name in photos.namelist() if name.lower().endswith(".jpg"))
                chosen = [names[i] for i in np.linspace(0, len(names) - 1, options.count).astype(int)]
                for number, name in enumerate(chosen):
                    member = tarfile.TarInfo(f"photos/{number % 10}/{number}.jpg")
                    data = photos.read(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def _strips(pixels: Path, target: Path) -> list[Path]:
    target.mkdir()
    count = len(np.load(pixels, mmap_mode="r"))
    jobs = [(pixels, start, target / f"{start:06}.webp") for start in range(0, count, IMAGES_A_STRIP)]
    with multiprocessing.Pool(2) as pool:
        return pool.starmap(_strip, jobs)


def _strip(pixels: Path, start: int, path: Path) -> Path:
    images = np.load(pixels, mmap_mode="r")[start : start + IMAGES_A_STRIP]
    column = images.reshape(-1, *images.shape[2:])
    Image.fromarray(np.ascontiguousarray(column)).save(path, lossless=True, quality=60, method=3)
    return path


def unpack(strips: Path, folder: Path) -> bool:
    """Put `images.npy` of a prepared data set together; False where strips are still missing."""
    if (folder / "images.npy").is_file():
        return True
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        count = sum(1 for _ in csv.reader(file)) - 1
    files = sorted(strips.glob("*.webp"))
    if len(files) < -(-count // IMAGES_A_STRIP):
        return False
    with multiprocessing.Pool() as pool:
        images = np.concatenate(pool.map(_unpack, files))
    assert len(images) == count, f"{len(images)} images in the strips, {count} in the index"
    np.save(folder / "images.npy", images)
    return True


def _unpack(path: Path) -> np.ndarray:
    column = np.asarray(Image.open(path))
    return column.reshape(-1, column.shape[1], *column.shape[1:])


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    cli.run(main, Options)
