import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.training.batches import dataset as module
from kedja.training.batches.dataset import ImageDataset


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


def test_an_empty_split_is_named(data):
    data.splits.flags.writeable = True
    data.splits[:] = 0
    with pytest.raises(KedjaError, match=r"the split 'val' of .* has no image"):
        ImageDataset(data, "val")
