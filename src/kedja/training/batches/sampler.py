"""Which images make up each batch of an epoch: decided by (seed, epoch) alone."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from kedja.training.loop.seeding import generator_for
from kedja.training.optim.losses import balanced_weights


class EpochBatches(Sampler[Tensor]):
    """Positions of a training split in batches of nearly equal size, so that no tiny one disturbs batch normalisation.

    Each batch is int64 (n,), on the CPU. Setting `epoch` and `first` starts anywhere, which is how an interrupted epoch
    continues. Of several processes each takes its own part of every batch.

    Args:
        size: images in the split.
        labels: int64 (size,), to draw every class equally often, with repetition; None shuffles: every
            image once an epoch.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, *, labels: Tensor | None = None, rank: int = 0, world: int = 1
    ) -> None:
        self.size, self.seed, self.labels = size, seed, labels
        self.rank, self.world = rank, world
        self.batches = max(1, -(-size // batch_size))
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return self.batches - self.first

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self._order().tensor_split(self.batches)[self.first :]:
            yield batch.tensor_split(self.world)[self.rank]

    def images_in(self, batch: int) -> int:
        """Images of a batch of the epoch over all processes."""
        return self.size // self.batches + (batch < self.size % self.batches)

    def _order(self) -> Tensor:
        generator = generator_for("cpu", self.seed, "order", self.epoch)
        if self.labels is None:
            return torch.randperm(self.size, generator=generator)
        weights = balanced_weights(self.labels, int(self.labels.max()) + 1)[self.labels]
        return torch.multinomial(weights, self.size, replacement=True, generator=generator)
