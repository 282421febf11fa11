"""A split of a prepared data set as a torch `Dataset` that fetches whole batches, and its seeded loaders."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from kedja.data.prepared import PreparedDataset
from kedja.training.seeding import generator_for

# A split of up to this many bytes is kept on the training device as one tensor.
RESIDENT_BYTES = 2 * 1024**3


class Batch(NamedTuple):
    """Raw pixels uint8 (N, H, W, C), labels int64 (N,), and each image's position in its split, int64 (N,)."""

    images: Tensor
    labels: Tensor
    positions: Tensor


class ImageDataset(Dataset[Batch]):
    """A split's images as they are stored: uint8, no augmentation (that happens to whole batches, on the device).

    A split that fits is copied to `device` once; a larger one is read from the memory-mapped file.
    """

    def __init__(self, data: PreparedDataset, split: str, device: torch.device | str = "cpu") -> None:
        assert data.images is not None
        self.indices = data.split(split)
        self.ids = [data.ids[i] for i in self.indices]
        self.labels = torch.from_numpy(data.labels[self.indices])
        self._mapped: NDArray[np.uint8] = data.images
        self._resident: Tensor | None = None
        if len(self.indices) * self._mapped[:1].nbytes <= RESIDENT_BYTES:
            self._resident = torch.from_numpy(self._mapped[self.indices]).to(device)
            self.labels = self.labels.to(device)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        """One image, as a batch of one."""
        return self.__getitems__([position])

    def __getitems__(self, positions: list[int]) -> Batch:
        """The batch of these positions; `DataLoader` calls it once a batch."""
        chosen = torch.tensor(positions)
        if self._resident is None:
            images = torch.from_numpy(self._mapped[self.indices[positions]])
        else:
            images = self._resident[chosen.to(self._resident.device)]
        return Batch(images, self.labels[chosen.to(self.labels.device)], chosen)


class ShuffledBatches(Sampler[list[int]]):
    """Every position once an epoch, in an order that (seed, epoch) alone decides, in batches of nearly equal size.

    No image is left out and no tiny last batch disturbs batch normalisation. Setting `epoch` and `first`
    starts anywhere, which is how an interrupted epoch continues.
    """

    def __init__(self, size: int, batch_size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.batches = max(1, -(-size // batch_size))
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return self.batches - self.first

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(self.size, generator=generator_for("cpu", self.seed, "order", self.epoch))
        for batch in order.tensor_split(self.batches)[self.first :]:
            yield batch.tolist()


def training_loader(dataset: ImageDataset, batch_size: int, seed: int) -> "tuple[DataLoader[Batch], ShuffledBatches]":
    """Shuffled batches, and the sampler that says where an epoch starts."""
    sampler = ShuffledBatches(len(dataset), batch_size, seed)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=_as_fetched, generator=torch.Generator()), sampler


def evaluation_loader(dataset: ImageDataset, batch_size: int) -> "DataLoader[Batch]":
    """Every image once, in order."""
    return DataLoader(dataset, batch_size, collate_fn=_as_fetched, generator=torch.Generator())


def _as_fetched(batch: Any) -> Any:
    """`__getitems__` already made a batch."""
    return batch
