"""The losses: cross-entropy and focal loss, with label smoothing and class weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kedja.training.config.schema import LossConfig
from kedja.training.optim.registry import LOSSES


class Loss(nn.Module):
    """Mean loss of logits (N, classes) against labels int64 (N,) or targets float (N, classes).

    The cross-entropy, whose terms the chosen loss may multiply with factors of its own. Class weights multiply the
    terms of their class; the mean stays over the images.
    """

    weights: Tensor | None

    def __init__(self, config: LossConfig, classes: int, labels: Tensor) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        weights = balanced_weights(labels, classes) if config.class_weights == "balanced" else None
        self.register_buffer("weights", weights)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        factors = LOSSES[self.config.name].maker
        if factors is None and self.weights is None:
            return F.cross_entropy(logits, targets, label_smoothing=self.config.label_smoothing)
        if targets.ndim == 1:
            targets = F.one_hot(targets, self.classes).float()
        targets = targets + self.config.label_smoothing * (1 / self.classes - targets)
        log_probabilities = F.log_softmax(logits.float(), 1)
        terms = -targets * log_probabilities
        if factors is not None:
            terms = terms * factors(log_probabilities, self.config)
        if self.weights is not None:
            terms = terms * self.weights
        return terms.sum(1).mean()


def focal(log_probabilities: Tensor, config: LossConfig) -> Tensor:
    """Easy images count less (Lin et al. 2017): a factor (1 - p)^gamma for each term."""
    factors: Tensor = (1 - log_probabilities.exp()) ** config.gamma
    return factors


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """A factor a class, float (classes,): 1 for one of average size, more for rarer ones; 0 where there is no image."""
    counts = torch.bincount(labels.cpu(), minlength=classes).float()
    weights = counts.sum() / (classes * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0).to(labels.device)
