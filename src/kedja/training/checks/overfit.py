"""Check that the network can memorise one batch; if not, the model, the loss or the labels are wrong."""

import copy
from dataclasses import dataclass

from kedja.training.checks.rehearsal import rehearse
from kedja.training.config.schema import AugmentConfig, TrainConfig

STEPS = 200


@dataclass(frozen=True)
class Overfit:
    """Accuracy and loss on the one batch before and after, and how many steps it took."""

    images: int
    steps: int
    first_loss: float
    loss: float
    accuracy: float

    @property
    def succeeded(self) -> bool:
        return self.accuracy == 1.0


def overfit_one_batch(config: TrainConfig) -> Overfit:
    """Train on a single batch until every image is right, 200 steps at the most; nothing varies or regularises."""
    config = copy.deepcopy(config)
    config.augment, config.model.dropout, config.loss.label_smoothing, config.ema = AugmentConfig(), 0.0, 0.0, 0.0
    config.optim.weight_decay = 0.0
    rehearsal = rehearse(config)
    batch = next(rehearsal.batches())
    first = loss = accuracy = 0.0
    step = 0
    for step in range(STEPS):
        share = min(1.0, (step + 1) / 20)
        outcome = rehearsal.learner.learn(batch, len(batch.labels), step, share)
        loss, accuracy = outcome.mean_loss, outcome.accuracy
        first = loss if step == 0 else first
        if accuracy == 1.0:
            break
    return Overfit(len(batch.labels), step + 1, first, loss, accuracy)
