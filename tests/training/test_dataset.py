import numpy as np
import pytest
import torch

from kedja.data.prepared import load
from kedja.training import dataset as module
from kedja.training.dataset import ImageDataset, ShuffledBatches, evaluation_loader, training_loader


@pytest.fixture
def data(workplace):
    return load(workplace / "data" / "digits")


def test_a_batch_is_fetched_at_once_and_as_stored(data):
    dataset = ImageDataset(data, "train")
    batch = dataset.__getitems__([5, 0, 5])
    rows = data.split("train")[[5, 0, 5]]
    np.testing.assert_array_equal(batch.images.numpy(), data.images[rows])
    np.testing.assert_array_equal(batch.labels.numpy(), data.labels[rows])
    assert batch.images.dtype == torch.uint8
    assert dataset[5].images.shape == (1, 8, 8, 1)


def test_a_split_too_large_to_keep_is_read_from_the_file(data, monkeypatch):
    kept = ImageDataset(data, "val").__getitems__([3, 1])
    monkeypatch.setattr(module, "RESIDENT_BYTES", 0)
    mapped = ImageDataset(data, "val").__getitems__([3, 1])
    assert all(torch.equal(a, b) for a, b in zip(kept, mapped, strict=True))


@pytest.mark.parametrize(("size", "batch_size"), [(1, 64), (64, 64), (65, 64), (1257, 64), (5, 1)])
def test_every_image_once_an_epoch_in_batches_of_nearly_equal_size(size, batch_size):
    batches = list(ShuffledBatches(size, batch_size, seed=0))
    assert sorted(position for batch in batches for position in batch) == list(range(size))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_the_order_hangs_on_seed_and_epoch_alone():
    sampler = ShuffledBatches(100, 8, seed=1)
    first = list(sampler)
    torch.rand(3)
    assert list(sampler) == first
    sampler.first = 4
    assert list(sampler) == first[4:]
    assert len(sampler) == len(first) - 4
    sampler.first, sampler.epoch = 0, 1
    assert list(sampler) != first
    assert list(ShuffledBatches(100, 8, seed=2)) != first


def test_loading_leaves_torchs_own_random_numbers_alone(data):
    state = torch.get_rng_state()
    loader, _ = training_loader(ImageDataset(data, "train"), 64, seed=0)
    assert sum(len(batch.labels) for batch in loader) == len(data.split("train"))
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_keeps_the_order(data):
    dataset = ImageDataset(data, "val")
    positions = torch.cat([batch.positions for batch in evaluation_loader(dataset, 50)])
    assert positions.tolist() == list(range(len(dataset)))
