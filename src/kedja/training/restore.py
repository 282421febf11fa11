"""A finished run's model."""

from pathlib import Path

from kedja.bundle.files import read_json
from kedja.bundle.image_spec import ImageSpec
from kedja.training.checkpoint import load_weights
from kedja.training.config import from_json
from kedja.training.models.classifier import Classifier
from kedja.training.models.registry import build
from kedja.training.run import BEST, CONFIG, PROVENANCE


def load_model(run: Path) -> Classifier:
    """The best weights, in evaluation mode on the CPU: uint8 (N, H, W, C) → logits float32 (N, classes).

    Raises:
        KedjaError: the folder is no run, or its files are damaged.
    """
    config = from_json(run / CONFIG)
    facts = read_json(run / PROVENANCE)["data"]
    classifier = build(
        config.model, len(facts["classes"]), ImageSpec.from_json(facts["image"]), facts["mean"], facts["std"]
    )
    classifier.load_state_dict(load_weights(run / BEST))
    return classifier.eval().requires_grad_(False)
