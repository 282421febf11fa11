import numpy as np
import pytest
import torch

from kedja.training.batches.sampler import TOGETHER, EpochBatches
from kedja.training.batches.texts import TextDataset
from support import texts


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return TextDataset(texts.dataset(tmp_path_factory.mktemp("data"), length=32), "train")


def test_short_texts_come_first_and_each_keeps_its_label(split):
    lengths = [int(split[position].images[0, 1].sum()) for position in range(len(split))]
    assert lengths == sorted(lengths)
    data = split.data
    where = {name: position for position, name in enumerate(data.ids)}
    assert split.labels.tolist() == [int(data.labels[where[name]]) for name in split.ids]
    batch = split.__getitems__([0, len(split) - 1])
    assert batch.images.shape == (2, 2, lengths[-1])
    feed = data.read(np.array([where[split.ids[0]], where[split.ids[-1]]]))
    assert torch.equal(batch.images, torch.from_numpy(np.stack(list(feed.values()), 1)))


def test_a_batch_has_neighbours_every_text_once_and_sizes_as_they_are_said():
    sampler = EpochBatches(10_000, 32, 0, neighbours=True)
    batches = [batch.tolist() for batch in sampler]
    assert sorted(position for batch in batches for position in batch) == list(range(10_000))
    assert [len(batch) for batch in batches] == [sampler.images_in(number) for number in range(sampler.batches)]
    spread = np.mean([max(batch) - min(batch) for batch in batches])
    assert spread < 3 * 10_000 / TOGETHER
    sampler.epoch = 1
    assert [batch.tolist() for batch in sampler] != batches
    sampler.epoch, sampler.first = 0, 7
    assert [batch.tolist() for batch in sampler] == batches[7:]
