"""A finished run's model."""

from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.runs.folder import BEST, CONFIG, PROVENANCE
from kedja.runs.read import read_input
from kedja.training.config.compose import from_json
from kedja.training.loop.checkpoint import load_weights
from kedja.training.models.classifier import Classifier
from kedja.training.models.registry import build_for


def load_model(run: Path) -> Classifier:
    """The best weights, in evaluation mode on the CPU: what `Input.tensors` says → logits float32 (N, classes).

    Raises:
        KedjaError: the folder is no run, its files are damaged, or the network is defined otherwise by now.
    """
    config = from_json(run / CONFIG)
    facts = read_json(run / PROVENANCE)["data"]
    classifier = build_for(config.model, read_input(run), facts)
    try:
        classifier.load_state_dict(load_weights(run / BEST))
    except RuntimeError as error:
        raise KedjaError(
            f"{run / BEST} does not fit the network as it is defined now: {str(error).splitlines()[-1].strip()}",
            "go back to the commit in its provenance.json, or train it again",
        ) from None
    return classifier.eval().requires_grad_(False)
