import os
import signal
from pathlib import Path

import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.training.batches import loader as module
from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import BatchLoader, evaluation_loader
from kedja.training.batches.sampler import EpochBatches


@pytest.fixture
def data(workplace):
    return load(workplace / "data" / "digits")


class Fragile(ImageDataset):
    """Kills the worker that fetches the batch with image 7, as often as `deaths` (a file of one byte each) says."""

    deaths: Path | None = None

    def __getitems__(self, positions):
        if self.deaths is not None and 7 in positions and len(self.deaths.read_bytes()):
            self.deaths.write_bytes(self.deaths.read_bytes()[1:])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitems__(positions)


def same(ones, others):
    return all(
        torch.equal(a, b) for one, other in zip(ones, others, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_loading_leaves_torchs_own_random_numbers_alone(data):
    state = torch.get_rng_state()
    dataset = ImageDataset(data, "train")
    batches = list(BatchLoader(dataset, EpochBatches(len(dataset), 64, seed=0)))
    assert sum(len(batch.labels) for batch in batches) == len(dataset)
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_keeps_the_order(data):
    dataset = ImageDataset(data, "val")
    assert torch.cat([batch.positions for batch in evaluation_loader(dataset)]).tolist() == list(range(len(dataset)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_deliver_what_this_process_would(data, monkeypatch, method):
    monkeypatch.setattr(module, "_start_method", lambda: method)
    dataset = ImageDataset(data, "val")
    sampler = EpochBatches(len(dataset), 50, seed=0)
    assert same(list(BatchLoader(dataset, sampler, workers=1)), list(BatchLoader(dataset, sampler, workers=0)))


def test_images_do_not_travel_through_shared_memory(data, monkeypatch):
    def refuse(*arguments, **settings):
        raise RuntimeError("No space left on device: /dev/shm")

    monkeypatch.setattr(torch.UntypedStorage, "_new_shared", refuse)
    monkeypatch.setattr(torch.UntypedStorage, "_share_fd_cpu_", refuse)
    monkeypatch.setattr(torch.UntypedStorage, "_share_filename_cpu_", refuse)
    dataset = ImageDataset(data, "val")
    assert sum(
        len(batch.labels) for batch in BatchLoader(dataset, torch.arange(len(dataset)).split(64), workers=1)
    ) == len(dataset)


def test_a_worker_that_dies_is_replaced_and_no_batch_is_lost_or_repeated(data, tmp_path):
    dataset = Fragile(data, "val")
    sampler = EpochBatches(len(dataset), 20, seed=0)
    expected = list(BatchLoader(dataset, sampler, workers=0))
    dataset.deaths = tmp_path / "deaths"
    dataset.deaths.write_bytes(b"xx")
    assert same(list(BatchLoader(dataset, sampler, workers=2)), expected)
    assert dataset.deaths.read_bytes() == b""


def test_workers_that_keep_dying_end_the_run_with_advice(data, tmp_path):
    dataset = Fragile(data, "val")
    dataset.deaths = tmp_path / "deaths"
    dataset.deaths.write_bytes(b"x" * 100)
    with pytest.raises(KedjaError, match=r"fewer data\.workers"):
        list(BatchLoader(dataset, EpochBatches(len(dataset), 20, seed=0), workers=1))
