"""Loaders of batches, in this process where pixels lie ready, in workers where images must be decoded.

Batches come from the workers through pipes and not through shared memory, of which containers have little
(`/dev/shm` of 64 MB is Docker's default).
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.training.batches.dataset import Batch, ImageDataset

# A worker that dies (killed for memory, say) is replaced this often an epoch before the run stops.
REPLACEMENTS = 3


class BatchLoader:
    """Batches of `dataset` in the order of `sampler`; when a worker dies, new ones go on where it stopped."""

    def __init__(self, dataset: ImageDataset, sampler: "Iterable[list[int]]", workers: int = -1) -> None:
        self._dataset, self._sampler = dataset, sampler
        self._workers = workers_for(dataset, workers)

    def __iter__(self) -> Iterator[Batch]:
        batches, done = list(self._sampler), 0
        for attempt in range(REPLACEMENTS + 1):
            try:
                for fetched in self._loader(batches[done:]):
                    done += 1
                    yield _as_tensors(fetched)
            except RuntimeError as error:
                if "DataLoader worker" not in str(error):
                    raise
                if attempt == REPLACEMENTS:
                    raise KedjaError(
                        f"loading images failed {attempt + 1} times: {str(error).splitlines()[0]}",
                        "workers are usually killed for memory: fewer data.workers or a smaller batch_size",
                    ) from None
            else:
                return

    def _loader(self, batches: list[list[int]]) -> "DataLoader[Any]":
        return DataLoader(
            self._dataset,
            batch_sampler=batches,
            num_workers=self._workers,
            collate_fn=_as_arrays if self._workers else _as_fetched,
            multiprocessing_context=_start_method() if self._workers else None,
            generator=torch.Generator(),
        )


def evaluation_loader(dataset: ImageDataset, workers: int = -1) -> BatchLoader:
    """Every image once, in order."""
    size = dataset.evaluation_batch
    batches = [list(range(start, min(start + size, len(dataset)))) for start in range(0, len(dataset), size)]
    return BatchLoader(dataset, batches, workers)


def workers_for(dataset: ImageDataset, wanted: int) -> int:
    """Worker processes: `wanted`; -1 takes one a core for encoded images and none where pixels lie ready."""
    if wanted >= 0:
        return wanted
    return available() if dataset.decodes else 0


def _start_method() -> str:
    """Forking is quick, and safe on Linux, since workers touch neither threads nor GPUs."""
    return "fork" if sys.platform == "linux" else "spawn"


def _as_fetched(batch: Any) -> Any:
    """`__getitems__` already made a batch."""
    return batch


def _as_arrays(batch: Any) -> Any:
    """Arrays travel through the pipe, tensors would through shared memory."""
    return tuple(values.numpy() for values in batch)


def _as_tensors(fetched: Any) -> Batch:
    if isinstance(fetched, Batch):
        return fetched
    return Batch(*(torch.from_numpy(np.asarray(values)) for values in fetched))
