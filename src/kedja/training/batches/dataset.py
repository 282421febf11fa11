"""A split of a prepared data set as a torch `Dataset` that fetches whole batches."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.training.batches.device_decoder import check_decodable, decode

# A split of up to this many bytes is kept as one tensor; on a GPU, one of up to this part of its free memory.
RESIDENT_BYTES = 2 * 1024**3
RESIDENT_PART = 4
PILLOW = "pillow"
EVALUATION_BATCH = 512
# Of large images fewer: activations take many times the memory of the pixels.
EVALUATION_PIXELS = 2**21
# A GPU waits for its processor between batches, and has the memory for more at once.
GPU_EVALUATION_BATCH = 4096
GPU_EVALUATION_PIXELS = 2**22


class Batch(NamedTuple):
    """Raw pixels uint8 (N, H, W, C), labels int64 (N,), and each image's position in its split, int64 (N,)."""

    images: Tensor
    labels: Tensor
    positions: Tensor


class ImageDataset(Dataset[Batch]):
    """A split's images as they are stored: uint8, no augmentation (that happens to whole batches, on the device).

    A split of pixels that fits is copied to `device` once; a larger one is read from the memory-mapped
    file; encoded originals (``storage: files``) are decoded when they are fetched.

    Args:
        decoder: ``pillow``, or ``device`` to decode originals where they are trained on.

    Raises:
        KedjaError: the split has no image, or the device cannot decode as the data set says.
    """

    # Whether positions that are near are of examples that are alike in size.
    sorted = False

    def __init__(
        self, data: PreparedDataset, split: str, device: torch.device | str = "cpu", decoder: str = PILLOW
    ) -> None:
        self.data, self.classes, self.device = data, len(data.classes), torch.device(device)
        self.on_device = decoder != PILLOW
        if self.on_device:
            check_decodable(data.spec, data.name, encoded=data.images is None)
        self.indices = data.split(split)
        if not len(self.indices):
            raise KedjaError(
                f"the split {split!r} of {data.folder}/ has no image", "prepare the data set with other fractions"
            )
        self.ids = [data.ids[i] for i in self.indices]
        self.labels = torch.from_numpy(data.labels[self.indices])
        self._resident: Tensor | None = None
        if data.images is not None and len(self.indices) * data.images[:1].nbytes <= _most_resident(self.device):
            self._resident = torch.from_numpy(data.images[self.indices]).to(device)
            self.labels = self.labels.to(device)

    @property
    def is_fetched(self) -> bool:
        """Whether fetching is work for other processes: decoding, or reading what does not fit a GPU."""
        if self.on_device or self._resident is not None:
            return False
        return self.data.images is None or self.device.type == "cuda"

    @property
    def home(self) -> torch.device:
        """Where the pixels lie: on the training device, or where they are read."""
        return torch.device("cpu") if self._resident is None else self.device

    def evaluation_batch(self, side: int = 0) -> int:
        """Images of a batch that is looked at without learning.

        Args:
            side: to which the network resizes, in pixels; 0: it takes the images as they are.
        """
        pixels = pixels_of(self.data.spec)
        if self.device.type != "cuda":
            return max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // pixels))
        return max(1, min(GPU_EVALUATION_BATCH, GPU_EVALUATION_PIXELS // max(pixels, side**2)))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        """One image, as a batch of one."""
        return self.__getitems__([position])

    def __getitems__(self, positions: list[int]) -> Batch:
        """The batch of these positions; `DataLoader` calls it once a batch."""
        return self.take(torch.tensor(positions))

    def take(self, chosen: Tensor) -> Batch:
        """The batch of these positions, int64 (N,). Where they lie at `home`, nothing is copied between devices."""
        chosen = chosen.to(self.home)
        return Batch(self._images(chosen), self.labels[chosen], chosen)

    def _images(self, chosen: Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident[chosen]
        if self.on_device:
            encoded = [self.data.encoded(int(row)) for row in self.indices[chosen.numpy()]]
            return decode(encoded, self.data.spec, self.device)
        return torch.from_numpy(self.data.pixels(self.indices[chosen.numpy()]))


def _most_resident(device: torch.device) -> int:
    """Bytes of pixels that may stay on the device."""
    if device.type != "cuda":
        return RESIDENT_BYTES
    return int(torch.cuda.mem_get_info(device)[0]) // RESIDENT_PART


def pixels_of(spec: ImageSpec) -> int:
    """Of an image."""
    return spec.height * spec.width
