"""Which images make up each batch of an epoch: decided by (seed, epoch) alone."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from kedja.training.loop.seeding import generator_for
from kedja.training.optim.losses import balanced_weights

# Batches whose examples are sorted by size together: many have little padding, few mix well.
TOGETHER = 50


class EpochBatches(Sampler[Tensor]):
    """Positions of a training split in batches of nearly equal size, so that no tiny one disturbs batch normalisation.

    Each batch is int64 (n,), on the CPU. Setting `epoch` and `first` starts anywhere, which is how an interrupted epoch
    continues. Of several processes each takes its own part of every batch.

    Args:
        size: images in the split.
        labels: int64 (size,), to draw every class equally often, with repetition; None shuffles: every
            image once an epoch.
        neighbours: positions that are near are of examples of one size: a batch is made of such.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        *,
        labels: Tensor | None = None,
        neighbours: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.size, self.seed, self.labels, self.neighbours = size, seed, labels, neighbours
        self.rank, self.world = rank, world
        self.batches = max(1, -(-size // batch_size))
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return self.batches - self.first

    def __iter__(self) -> Iterator[Tensor]:
        order = self._order()
        order = self._side_by_side(order) if self.neighbours else order
        for batch in order.tensor_split(self.batches)[self.first :]:
            yield batch.tensor_split(self.world)[self.rank]

    def images_in(self, batch: int) -> int:
        """Images of a batch of the epoch over all processes."""
        return self.size // self.batches + (batch < self.size % self.batches)

    def _side_by_side(self, order: Tensor) -> Tensor:
        """The same, so that a batch has examples of one size: 50 batches are sorted together, and then shuffled."""
        generator = generator_for("cpu", self.seed, "batches", self.epoch)
        sizes = [self.images_in(batch) for batch in range(self.batches)]
        shuffled = torch.randperm(self.batches, generator=generator).tolist()
        parts: dict[int, Tensor] = {}
        for group in range(0, self.batches, TOGETHER):
            members = shuffled[group : group + TOGETHER]
            count = sum(sizes[batch] for batch in members)
            mine, order = order[:count].sort().values, order[count:]
            parts |= zip(members, torch.split(mine, [sizes[batch] for batch in members]), strict=True)
        return torch.cat([parts[batch] for batch in range(self.batches)])

    def _order(self) -> Tensor:
        generator = generator_for("cpu", self.seed, "order", self.epoch)
        if self.labels is None:
            return torch.randperm(self.size, generator=generator)
        weights = balanced_weights(self.labels, int(self.labels.max()) + 1)[self.labels]
        return torch.multinomial(weights, self.size, replacement=True, generator=generator)
