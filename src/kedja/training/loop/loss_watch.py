"""A loss that is not finite stops the run and names the images behind it."""

from collections.abc import Callable

import torch
from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.training.batches.dataset import Batch, ImageDataset

# Steps between two looks on a GPU, where looking makes it wait.
GPU_LOOKS_EVERY = 16


class LossWatch:
    """Looks at each step's loss: at once on the CPU, on a GPU several together and only when the answer has come.

    So a GPU has always work: what was asked at one look is read at the next.
    """

    def __init__(self, train_set: ImageDataset, steps: int, learning_rate: float, device: torch.device) -> None:
        self._train_set, self._steps, self._learning_rate = train_set, steps, learning_rate
        self._every = 1 if device.type == "cpu" else GPU_LOOKS_EVERY
        self._unseen: list[tuple[int, Tensor, Tensor]] = []
        self._asked: tuple[list[tuple[int, Tensor, Tensor]], Callable[[], list[bool]]] | None = None

    def add(self, step: int, loss: Tensor, batch: Batch) -> None:
        """Take note of a step (from 0); raises what `look` raises."""
        self._unseen.append((step, loss, batch.positions))
        if len(self._unseen) >= self._every:
            self._read()
            self._ask()
            if self._every == 1:
                self._read()

    def look(self) -> None:
        """Look at what was not looked at yet.

        Raises:
            KedjaError: a loss is not finite.
        """
        self._read()
        self._ask()
        self._read()

    def _ask(self) -> None:
        """Let the device say which are finite, without waiting for it."""
        if self._unseen:
            finite = torch.stack([loss for _, loss, _ in self._unseen]).isfinite()
            self._asked, self._unseen = (self._unseen, _to_host(finite)), []

    def _read(self) -> None:
        if self._asked is None:
            return
        (steps, finite), self._asked = self._asked, None
        for (step, loss, positions), fine in zip(steps, finite(), strict=True):
            if not fine:
                raise self._not_finite(step, loss, positions)

    def _not_finite(self, step: int, loss: Tensor, positions: Tensor) -> KedjaError:
        ids = [self._train_set.ids[i] for i in positions.tolist()]
        return KedjaError(
            f"the loss became {loss.item()} at step {step + 1} of {self._steps}; the batch holds the images "
            f"{', '.join(ids)}",
            f"a lower optim.lr (now {self._learning_rate}) or clip=1.0 usually helps; else look at these images",
        )


def _to_host(values: Tensor) -> Callable[[], list[bool]]:
    """Start copying `values` to the processor's memory; what is returned gives them, and waits if it has to."""
    if not values.is_cuda:
        return values.tolist
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()

    def read() -> list[bool]:
        copied.synchronize()
        found: list[bool] = host.tolist()
        return found

    return read
