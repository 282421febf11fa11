"""A classifier's answers on a data set."""

import torch
from torch import Tensor

from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import evaluation_loader
from kedja.training.models.classifier import Classifier


def predict(classifier: Classifier, dataset: ImageDataset, *, rank: int = 0, world: int = 1) -> Tensor:
    """Logits float32 (N, classes), on the data set's device, in its order.

    Several processes share the images; each gets the answers on all, and the answers are those of the first one's
    running statistics, which the others have taken over afterwards.
    """
    was_training = classifier.training
    classifier.eval()
    # A sharded network fetches its weights anew, which inference mode does not let it.
    with torch.no_grad() if torch.distributed.is_initialized() else torch.inference_mode():
        if world > 1:
            for value in classifier.buffers():
                torch.distributed.broadcast(value, src=0)
        batches = evaluation_loader(dataset, side=classifier.side, rank=rank, world=world)
        logits = torch.cat([classifier(batch.images.to(dataset.device, non_blocking=True)) for batch in batches])
        if world > 1:
            logits = _all_of(logits, len(dataset), rank, world)
    classifier.train(was_training)
    return logits


def _all_of(mine: Tensor, images: int, rank: int, world: int) -> Tensor:
    """Everybody's answers: each adds its own to zeros."""
    whole = mine.new_zeros(images, mine.shape[1])
    whole.tensor_split(world)[rank].copy_(mine)
    torch.distributed.all_reduce(whole)
    return whole
