"""A loss that is not finite stops the run and names the images behind it."""

import torch
from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.training.batches.dataset import Batch, ImageDataset

# Steps between two looks on a GPU, where looking makes it wait.
GPU_LOOKS_EVERY = 16


class LossWatch:
    """Looks at each step's loss: at once on the CPU, several together on a GPU."""

    def __init__(self, train_set: ImageDataset, steps: int, learning_rate: float, device: torch.device) -> None:
        self._train_set, self._steps, self._learning_rate = train_set, steps, learning_rate
        self._every = 1 if device.type == "cpu" else GPU_LOOKS_EVERY
        self._unseen: list[tuple[int, Tensor, Tensor]] = []

    def add(self, step: int, loss: Tensor, batch: Batch) -> None:
        """Take note of a step (from 0); raises what `look` raises."""
        self._unseen.append((step, loss, batch.positions))
        if len(self._unseen) >= self._every:
            self.look()

    def look(self) -> None:
        """Look at what was not looked at yet.

        Raises:
            KedjaError: a loss is not finite.
        """
        if not self._unseen:
            return
        finite = torch.stack([loss for _, loss, _ in self._unseen]).isfinite().tolist()
        for (step, loss, positions), fine in zip(self._unseen, finite, strict=True):
            if not fine:
                raise self._not_finite(step, loss, positions)
        self._unseen.clear()

    def _not_finite(self, step: int, loss: Tensor, positions: Tensor) -> KedjaError:
        ids = [self._train_set.ids[i] for i in positions.tolist()]
        return KedjaError(
            f"the loss became {loss.item()} at step {step + 1} of {self._steps}; the batch holds the images "
            f"{', '.join(ids)}",
            f"a lower optim.lr (now {self._learning_rate}) or clip=1.0 usually helps; else look at these images",
        )
