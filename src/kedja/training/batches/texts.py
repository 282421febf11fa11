"""A split of texts as a torch `Dataset` that fetches whole batches: token ids, padded to the longest of the batch."""

from typing import cast

import numpy as np
import torch
from torch.utils.data import Dataset

from kedja.bundle.inputs.input import Input
from kedja.bundle.inputs.text.spec import IDS, MASK, Text
from kedja.common.errors import KedjaError
from kedja.data.kinds.text.stored import StoredTexts
from kedja.data.prepared import PreparedDataset
from kedja.training.batches.dataset import PILLOW, Batch

# Texts of an evaluation's batch: little padding, and matrices that fit the cache.
EVALUATION_BATCH = 64


class TextDataset(Dataset[Batch]):
    """A split's texts, short ones first: texts whose positions are near have nearly as many tokens.

    `Batch.images` is int64 (N, 2, length), the ids and the mask. All ids stay in memory: 8 bytes a token.

    Raises:
        KedjaError: the split has no text.
    """

    # Whether positions that are near make batches with little padding; whether fetching is work for other processes;
    # whether the device decodes.
    sorted, is_fetched, on_device = True, False, False
    home = torch.device("cpu")

    def __init__(
        self, data: PreparedDataset, split: str, device: torch.device | str = "cpu", decoder: str = PILLOW
    ) -> None:
        if decoder != PILLOW:
            raise KedjaError(f"data.decoder={decoder} is for images", "leave it out")
        self.data, self.classes, self.device = data, len(data.classes), torch.device(device)
        stored, indices = cast(StoredTexts, data.stored), data.split(split)
        if not len(indices):
            raise KedjaError(
                f"the split {split!r} of {data.folder}/ has no text", "prepare the data set with other fractions"
            )
        texts = stored.decoded(indices)
        order = np.argsort([len(text.ids) for text in texts], kind="stable")
        self._texts: list[Text] = [texts[place] for place in order]
        self.indices = indices[order]
        self.ids = [data.ids[i] for i in self.indices]
        self.labels = torch.from_numpy(data.labels[self.indices])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        """One text, as a batch of one."""
        return self.__getitems__([position])

    def __getitems__(self, positions: list[int]) -> Batch:
        """The batch of these positions; `DataLoader` calls it once a batch."""
        return self.take(torch.tensor(positions))

    def evaluation_batch(self, side: int = 0) -> int:
        """Texts of a batch that is looked at without learning."""
        return EVALUATION_BATCH

    def take(self, chosen: torch.Tensor) -> Batch:
        """The batch of these positions, int64 (N,)."""
        feed = self.data.input.collate([self._texts[position] for position in chosen.tolist()])
        return Batch(torch.from_numpy(np.stack([feed[IDS], feed[MASK]], axis=1)), self.labels[chosen], chosen)


def size_of(expected: Input) -> int:
    """Numbers that a network computes with, from a text."""
    return int(expected.to_json()["length"]) * 128
