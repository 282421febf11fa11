import pytest
import torch

from kedja.training.batches.sampler import EpochBatches


def positions(sampler):
    return [batch.tolist() for batch in sampler]


@pytest.mark.parametrize(("size", "batch_size"), [(1, 64), (64, 64), (65, 64), (1257, 64), (5, 1)])
def test_every_image_once_an_epoch_in_batches_of_nearly_equal_size(size, batch_size):
    batches = positions(EpochBatches(size, batch_size, seed=0))
    assert sorted(position for batch in batches for position in batch) == list(range(size))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_the_order_hangs_on_seed_and_epoch_alone():
    sampler = EpochBatches(100, 8, seed=1)
    first = positions(sampler)
    torch.rand(3)
    assert positions(sampler) == first
    sampler.first = 4
    assert positions(sampler) == first[4:]
    assert len(sampler) == len(first) - 4
    sampler.first, sampler.epoch = 0, 1
    assert positions(sampler) != first
    assert positions(EpochBatches(100, 8, seed=2)) != first


def test_processes_share_every_batch():
    whole = positions(EpochBatches(100, 16, seed=0))
    parts = [positions(EpochBatches(100, 16, seed=0, rank=rank, world=3)) for rank in range(3)]
    assert [a + b + c for a, b, c in zip(*parts, strict=True)] == whole


def test_balanced_batches_show_every_class_equally_often():
    labels = torch.tensor([0] * 900 + [2] * 100)
    drawn = [position for batch in positions(EpochBatches(1000, 50, seed=0, labels=labels)) for position in batch]
    assert len(drawn) == 1000
    assert 0.42 < (labels[drawn] == 2).double().mean() < 0.58
