"""torchvision's downloadable classification data sets, by name.

torchvision knows the addresses, checksums and formats; only its download is replaced by one that continues
where it was cut off. It is imported when such a data set is asked for, never otherwise: this room works without torch.
"""

import importlib
import inspect
import re
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.data.sources.download import download
from kedja.data.sources.files.tree import Tree
from kedja.data.sources.source import Item

PREFIX = "torchvision:"
# Names that the data sets give their own splits, in their constructors.
_SPLITS = {"train": ("train", "trainval", "train-standard"), "val": ("val", "valid"), "test": ("test",)}
_BY_HAND = "get it from its home and give the folder or archive: just data source=<folder> data=…"


class Torchvision:
    """A source over `torchvision.datasets.<name>`."""

    kind = "image"
    licence = "see the data set's home"

    def __init__(self, name: str, downloads: Path) -> None:
        try:
            self._module = importlib.import_module("torchvision.datasets")
        except ImportError as error:
            raise KedjaError(
                f"source={PREFIX}{name} needs torchvision: {error}", "install it with `just env`"
            ) from None
        self.title = f"torchvision.datasets.{name}"
        self.image: ImageSpec | None = None
        self.tree: Tree | None = None
        self.notes: list[str] = []
        self._name, self._downloads = name, downloads
        self._parts = self._open_all(self._constructor())
        classes = getattr(next(iter(self._parts.values())), "classes", None)
        self.classes = [str(c) for c in classes] if classes and all(isinstance(c, str) for c in classes) else None

    def items(self) -> Iterator[Item]:
        for split, dataset in self._parts.items():
            for number in range(len(dataset)):
                image, label = dataset[number]
                if not isinstance(label, int | np.integer) or not hasattr(image, "convert"):
                    raise KedjaError(f"{self.title} is no classification of images", "its labels are no class numbers")
                pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
                name = f"{split}/{number:07d}" if split else f"{number:07d}"
                if self.classes and not 0 <= int(label) < len(self.classes):
                    raise KedjaError(f"{self.title} has the label {int(label)}, but {len(self.classes)} class names")
                yield Item(name, self.classes[int(label)] if self.classes else str(int(label)), pixels, split)

    def _constructor(self) -> Any:
        names = [n for n in self._module.__all__ if hasattr(getattr(self._module, n), "__init__")]
        constructor = getattr(self._module, self._name, None)
        if constructor is None or self._name not in names:
            raise KedjaError(f"torchvision has no data set {self._name!r}", nearest(self._name, names))
        if "download" not in inspect.signature(constructor).parameters:
            raise KedjaError(
                f"torchvision cannot download {self._name}",
                _BY_HAND,
            )
        return constructor

    def _open_all(self, constructor: Any) -> dict[str, Any]:
        parameters = inspect.signature(constructor).parameters
        if "train" in parameters:
            return {split: self._open(constructor, train=split == "train") for split in ("train", "test")}
        if "split" not in parameters:
            return {"": self._open(constructor)}
        parts, unused = {}, self._split_names(constructor)
        for split, names in _SPLITS.items():
            for name in names:
                try:
                    parts[split] = self._open(constructor, split=name)
                except ValueError:
                    continue
                unused = [other for other in unused if other != name]
                break
        if "train" not in parts:
            known = ", ".join([*parts, *unused])
            raise KedjaError(f"{self.title} has the splits {known}, and none to train on", _BY_HAND)
        if unused:
            self.notes.append(f"splits of {self._name} that are not used: {', '.join(unused)}")
        return parts

    def _split_names(self, constructor: Any) -> list[str]:
        """What it says it has, when it is asked for what there is not; nothing is fetched."""
        try:
            constructor(root=str(self._downloads), split="no split", download=False)
        except ValueError as error:
            return re.findall(r"'([^']+)'", str(error).partition("Valid values are")[2])
        except Exception:  # noqa: BLE001 -- what it does with a wrong argument is its own
            return []
        return []

    def _open(self, constructor: Any, **which: Any) -> Any:
        with _continued_downloads() as failures:
            try:
                return constructor(root=str(self._downloads), download=True, **which)
            except TypeError as error:
                raise KedjaError(f"{self.title} cannot be opened by its name alone: {error}") from None
            except (RuntimeError, OSError) as error:
                if failures:
                    raise failures[-1] from None
                raise KedjaError(
                    f"{self.title}: {error}", f"remove {self._downloads}/ and run the same command again"
                ) from None


@contextmanager
def _continued_downloads() -> Iterator[list[KedjaError]]:
    """Let torchvision fetch with our own download; its checksums and its mirrors stay. Yields what failed."""
    utils: Any = importlib.import_module("torchvision.datasets.utils")
    originals = {name: getattr(utils, name) for name in ("_urlretrieve", "_get_redirect_url")}
    failures: list[KedjaError] = []

    def fetch(url: str, filename: str | Path, *rest: Any, **more: Any) -> None:
        try:
            download(url, Path(filename))
        except KedjaError as error:
            failures.append(error)
            # What torchvision expects of a mirror that does not answer.
            raise urllib.error.URLError(error.problem) from None

    utils._urlretrieve = fetch
    # `download` follows redirects itself.
    utils._get_redirect_url = lambda url, *rest, **more: url
    try:
        yield failures
    finally:
        for name, function in originals.items():
            setattr(utils, name, function)
