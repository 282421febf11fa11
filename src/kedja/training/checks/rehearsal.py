"""A learner that is ready to take steps, without a run: for looking before training."""

import dataclasses
import itertools
from collections.abc import Iterator

from kedja.common.allocator import keep_freed_memory
from kedja.training.batches.dataset import Batch, ImageDataset
from kedja.training.batches.loader import BatchLoader
from kedja.training.batches.sampler import EpochBatches
from kedja.training.config.run_folder import load_data
from kedja.training.config.schema import TrainConfig
from kedja.training.loop.devices import make_fabric
from kedja.training.loop.learner import Learner
from kedja.training.loop.seeding import seed_everything, set_threads
from kedja.training.models.initial_weights import initialise
from kedja.training.models.registry import build
from kedja.training.models.whitening import fit_whitening


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
    data = load_data(config)
    keep_freed_memory()
    set_threads(config.threads, data.spec.height * data.spec.width)
    seed_everything(config.seed)
    classifier = build(config.model, len(data.classes), data.spec, data.mean, data.std)
    fabric = make_fabric(config, classifier)
    dataset = ImageDataset(data, "train", fabric.device)
    fit_whitening(classifier, dataset)
    initialise(classifier.body, config.model, print)
    learner = Learner(fabric, classifier, dataset, config)
    learner.start_epoch(config.finetune.head_epochs)
    return Rehearsal(config, learner, dataset)
