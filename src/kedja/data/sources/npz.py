"""NumPy archives: arrays of pixels and labels, whole or by split (`x_train`, `val_images`, …)."""

import re
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.sources.files.archive import unpack
from kedja.data.sources.files.tree import SPLIT_NAMES, Tree
from kedja.data.sources.source import Item

_IMAGES = ("images", "image", "x", "data", "pixels")
_LABELS = ("labels", "label", "y", "targets", "target")
_CLASSES = ("classes", "class_names", "label_names")


class Npz:
    """A source over an `.npz`; its arrays are unpacked beside the data set and mapped, not read."""

    kind = "image"
    title = "arrays of pixels (.npz)"

    def __init__(self, file: Path, work: Path, label: str = "", licence: str = "not stated") -> None:
        """`label` names the array of labels where there are several: with splits, the part beside the split."""
        self.licence = licence
        self.image: ImageSpec | None = None
        self.tree: Tree | None = None
        self._file = file
        arrays = _map_arrays(file, work)
        self._parts, unused = _pair(arrays, label, file)
        names = next((arrays[name] for name in _CLASSES if name in arrays), None)
        self._names = None if names is None else [unicodedata.normalize("NFC", str(name)) for name in names]
        self.classes = self._names
        self.ignored = dict.fromkeys(unused, "arrays that are neither images nor their labels")

    def items(self) -> Iterator[Item]:
        for split, (images, labels) in self._parts.items():
            width = len(str(len(images)))
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                name = f"{split}/{number:0{width}d}" if split else f"{number:0{width}d}"
                yield Item(name, self._class(label), _as_picture(image), split)

    def _class(self, label: Any) -> str:
        if self._names is None or isinstance(label, str):
            return unicodedata.normalize("NFC", str(label).strip())
        number = int(label)
        if not 0 <= number < len(self._names):
            raise KedjaError(f"{self._file} has the label {number}, but {len(self._names)} class names")
        name: str = self._names[number]
        return name


def _map_arrays(file: Path, work: Path) -> dict[str, NDArray[np.generic]]:
    if not zipfile.is_zipfile(file):
        raise KedjaError(f"{file} is no .npz file", "write one with numpy.savez(file, images=…, labels=…)")
    folder = unpack(file, work)
    try:
        # allow_pickle stays off: an array of objects could execute code.
        return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
    except (ValueError, EOFError) as error:
        raise KedjaError(f"{file} holds an array that cannot be read: {error}", "store plain numbers or text") from None


def _pair(
    arrays: dict[str, NDArray[np.generic]], label: str, file: Path
) -> tuple[dict[str, tuple[NDArray[np.uint8], NDArray[np.generic]]], list[str]]:
    """Split (empty where there are none) → images and labels; and the arrays that are neither."""
    wanted = (label.lower(),) if label else _LABELS
    images: dict[str, NDArray[np.generic]] = {}
    labels: dict[str, NDArray[np.generic]] = {}
    unused = []
    for name, array in arrays.items():
        words = re.split(r"[_\-. ]+", name.lower())
        split = next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "")
        rest = "_".join(word for word in words if word not in SPLIT_NAMES)
        role = images if rest in _IMAGES else labels if rest in wanted else None
        if role is None:
            if name not in _CLASSES:
                unused.append(name)
        elif split in role:
            kind, of_split = "images" if role is images else "labels", f" of {split}" if split else ""
            raise KedjaError(
                f"{file} holds two arrays of {kind}{of_split}, one of them {name}",
                "keep one of each, or say which labels are meant: label=<name>",
            )
        else:
            role[split] = array
    if not images or set(images) != set(labels):
        raise KedjaError(
            f"{file} holds the arrays {', '.join(arrays)}; no images with their labels are among them",
            "name them images and labels, with splits train_images, train_labels, test_images, …",
        )
    order = [split for split in ("", "train", "val", "test") if split in images]
    return {
        split: (_check_images(images[split], file), _check_labels(labels[split], images[split], file))
        for split in order
    }, unused


def _check_images(images: NDArray[np.generic], file: Path) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise KedjaError(
            f"{file} holds images of type {images.dtype}; what its values mean is not known",
            "store uint8 0…255, for example (images * 255).round().astype(numpy.uint8)",
        )
    pixels = images.view(np.uint8)
    if pixels.ndim == 4 and pixels.shape[3] not in (1, 3, 4) and pixels.shape[1] in (1, 3):
        # Channels first, as torch keeps them.
        pixels = pixels.transpose(0, 2, 3, 1)
    if not (pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] in (1, 3, 4))):
        raise KedjaError(
            f"{file} holds images of shape {images.shape}", "(N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W)"
        )
    return pixels


def _check_labels(labels: NDArray[np.generic], images: NDArray[np.generic], file: Path) -> NDArray[np.generic]:
    flat = labels.reshape(-1) if labels.size == len(labels) else labels
    if flat.ndim == 2 and len(flat) == len(images) and np.isin(flat, (0, 1)).all() and (flat.sum(axis=1) == 1).all():
        flat = flat.argmax(axis=1)
    if flat.dtype.kind == "f" and not (flat % 1).any():
        flat = flat.astype(np.int64)
    if flat.ndim != 1 or len(flat) != len(images) or flat.dtype.kind not in "iuU":
        raise KedjaError(
            f"{file} holds labels {labels.dtype} {labels.shape} for {len(images)} images",
            "one whole number or one string an image",
        )
    return flat


def _as_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image)
