"""Loaders of batches, in this process where pixels lie ready, in workers where images must be decoded.

Batches come from the workers through pipes and not through shared memory, of which containers have little
(`/dev/shm` of 64 MB is Docker's default). For a GPU a thread of torch's lays them into pinned memory, from which they
are copied while the GPU computes.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.training.batches.dataset import Batch, ImageDataset

# A worker that dies (killed for memory, say) is replaced this often an epoch before the run stops.
REPLACEMENTS = 3


class BatchLoader:
    """Batches of `dataset` in the order of `sampler`; when a worker dies, new ones go on where it stopped.

    Args:
        sampler: of each batch the positions, int64 (n,).
        workers: processes that fetch; see `workers_for`.
    """

    def __init__(self, dataset: ImageDataset, sampler: Iterable[Tensor], workers: int = -1) -> None:
        self._dataset, self._sampler = dataset, sampler
        self._workers = workers_for(dataset, workers)

    def __iter__(self) -> Iterator[Batch]:
        batches = list(self._sampler)
        return self._fetched(batches) if self._workers else self._ready(batches)

    def _ready(self, batches: list[Tensor]) -> Iterator[Batch]:
        """In this process; the whole order is copied to where the pixels lie at once, not a batch at a time."""
        if batches:
            whole = torch.cat(batches).to(self._dataset.home)
            order = torch.split(whole, [len(batch) for batch in batches])
            yield from ahead(self._dataset, order) if self._dataset.on_device else map(self._dataset.take, order)

    def _fetched(self, batches: list[Tensor]) -> Iterator[Batch]:
        """By workers."""
        done = 0
        for attempt in range(REPLACEMENTS + 1):
            try:
                for fetched in self._loader([batch.tolist() for batch in batches[done:]]):
                    done += 1
                    yield fetched.tensors() if isinstance(fetched, Arrays) else fetched
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
            collate_fn=_as_arrays,
            multiprocessing_context=_start_method(),
            generator=torch.Generator(),
            pin_memory=self._dataset.device.type == "cuda",
        )


def ahead(dataset: ImageDataset, order: Iterable[Tensor]) -> Iterator[Batch]:
    """Batches that the device decodes, each during the one before: by a thread, on a stream of its own."""
    on_gpu = dataset.device.type == "cuda"
    side = torch.cuda.Stream(dataset.device) if on_gpu else None  # type: ignore[no-untyped-call]

    def take(chosen: Tensor) -> Batch:
        with torch.cuda.stream(side):
            batch = dataset.take(chosen)
        if side is not None:
            side.synchronize()
        return batch

    with ThreadPoolExecutor(1) as thread:
        waiting: Future[Batch] | None = None
        for chosen in order:
            done, waiting = waiting, thread.submit(take, chosen)
            if done is not None:
                yield _owned(done.result())
        if waiting is not None:
            yield _owned(waiting.result())


def _owned(batch: Batch) -> Batch:
    """Its memory is not given to the other stream while this one may still read it."""
    if batch.images.is_cuda:
        batch.images.record_stream(torch.cuda.current_stream(batch.images.device))
    return batch


@dataclass(frozen=True)
class Arrays:
    """A batch on its way through a pipe; tensors would travel through shared memory."""

    images: NDArray[Any]
    labels: NDArray[Any]
    positions: NDArray[Any]

    def tensors(self) -> Batch:
        return Batch(*map(torch.from_numpy, (self.images, self.labels, self.positions)))

    def pin_memory(self) -> Batch:
        """`DataLoader` calls it in a thread of its own, where the device is a GPU."""
        return Batch(*(values.pin_memory() for values in self.tensors()))


def evaluation_loader(dataset: ImageDataset, *, side: int = 0, rank: int = 0, world: int = 1) -> BatchLoader:
    """Every image once, in order; of several processes each its own stretch of them.

    Args:
        side: to which the network resizes, in pixels; 0: it takes the images as they are.
    """
    size = dataset.evaluation_batch(side)
    if world == 1:
        return BatchLoader(dataset, torch.split(torch.arange(len(dataset)), size))
    mine = torch.arange(len(dataset)).tensor_split(world)[rank]
    # Of a sharded network every process takes part in every batch, so all have as many.
    return BatchLoader(dataset, mine.tensor_split(math.ceil(math.ceil(len(dataset) / world) / size)))


def workers_for(dataset: ImageDataset, wanted: int) -> int:
    """Worker processes: `wanted`; -1 takes one a core where each batch has to be decoded, or read for a GPU to which
    all do not fit, and none where pixels lie ready.
    """
    if dataset.on_device:
        return 0  # a worker cannot hand on what lies on a device
    if wanted >= 0:
        return wanted
    return available() if dataset.is_fetched else 0


def _start_method() -> str:
    """Forking is quick, and safe on Linux, since workers touch neither threads nor GPUs."""
    return "fork" if sys.platform == "linux" else "spawn"


def _as_arrays(batch: Any) -> Arrays:
    return Arrays(*(values.numpy() for values in batch))
