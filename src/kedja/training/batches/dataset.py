"""A split of a prepared data set as a torch `Dataset` that fetches whole batches."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset

# A split of up to this many bytes is kept on the training device as one tensor.
RESIDENT_BYTES = 2 * 1024**3
EVALUATION_BATCH = 512
# Of large images fewer: activations take many times the memory of the pixels.
EVALUATION_PIXELS = 2**21


class Batch(NamedTuple):
    """Raw pixels uint8 (N, H, W, C), labels int64 (N,), and each image's position in its split, int64 (N,)."""

    images: Tensor
    labels: Tensor
    positions: Tensor


class ImageDataset(Dataset[Batch]):
    """A split's images as they are stored: uint8, no augmentation (that happens to whole batches, on the device).

    A split of pixels that fits is copied to `device` once; a larger one is read from the memory-mapped
    file; encoded originals (``storage: files``) are decoded when they are fetched.

    Raises:
        KedjaError: the split has no image.
    """

    # Whether positions that are near are of examples that are alike in size.
    sorted = False

    def __init__(self, data: PreparedDataset, split: str, device: torch.device | str = "cpu") -> None:
        self.data, self.classes = data, len(data.classes)
        self.indices = data.split(split)
        if not len(self.indices):
            raise KedjaError(
                f"the split {split!r} of {data.folder}/ has no image", "prepare the data set with other fractions"
            )
        self.ids = [data.ids[i] for i in self.indices]
        self.labels = torch.from_numpy(data.labels[self.indices])
        self._resident: Tensor | None = None
        if data.images is not None and len(self.indices) * data.images[:1].nbytes <= RESIDENT_BYTES:
            self._resident = torch.from_numpy(data.images[self.indices]).to(device)
            self.labels = self.labels.to(device)

    @property
    def decodes(self) -> bool:
        """Whether fetching is work for other processes."""
        return self.data.images is None

    @property
    def evaluation_batch(self) -> int:
        """Images of a batch that is looked at without learning."""
        return max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // pixels_of(self.data.spec)))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        """One image, as a batch of one."""
        return self.__getitems__([position])

    def __getitems__(self, positions: list[int]) -> Batch:
        """The batch of these positions; `DataLoader` calls it once a batch."""
        chosen = torch.tensor(positions)
        return Batch(self._images(positions, chosen), self.labels[chosen.to(self.labels.device)], chosen)

    def _images(self, positions: list[int], chosen: Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident[chosen.to(self._resident.device)]
        rows = self.indices[positions]
        return torch.from_numpy(self.data.pixels(rows))


def pixels_of(spec: ImageSpec) -> int:
    """Of an image."""
    return spec.height * spec.width
