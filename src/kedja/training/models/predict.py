"""A classifier's answers on a data set."""

import torch
from torch import Tensor

from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import evaluation_loader
from kedja.training.models.classifier import Classifier


@torch.inference_mode()
def predict(classifier: Classifier, dataset: ImageDataset, device: torch.device) -> Tensor:
    """Logits float32 (N, classes), on `device`, in the data set's order."""
    was_training = classifier.training
    classifier.eval()
    logits = torch.cat([classifier(batch.images.to(device)) for batch in evaluation_loader(dataset)])
    classifier.train(was_training)
    return logits
