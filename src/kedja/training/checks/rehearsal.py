"""A learner that is ready to take steps, without a run: for looking before training."""

import dataclasses
import itertools
from collections.abc import Iterator

from kedja.training.batches.dataset import Batch, ImageDataset
from kedja.training.batches.loader import BatchLoader
from kedja.training.batches.sampler import EpochBatches
from kedja.training.config.run_folder import load_data
from kedja.training.config.schema import TrainConfig
from kedja.training.loop.learner import Learner
from kedja.training.loop.setup import set_up


@dataclasses.dataclass
class Rehearsal:
    """What `Trainer` would start with; nothing is written."""

    config: TrainConfig
    learner: Learner
    dataset: ImageDataset

    def batches(self) -> Iterator[Batch]:
        """Training batches without end."""
        sampler = EpochBatches(len(self.dataset), self.config.batch_size, self.config.seed)
        loader = BatchLoader(self.dataset, sampler, self.config.data.workers)
        for epoch in itertools.count():
            sampler.epoch = epoch
            yield from loader


def rehearse(config: TrainConfig) -> Rehearsal:
    """A fresh learner of `config` in training mode, on its device, with its data."""
    setup = set_up(config, load_data(config))
    setup.learner.start_epoch(config.finetune.head_epochs)
    return Rehearsal(config, setup.learner, setup.train_set)
