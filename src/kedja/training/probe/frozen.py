"""A network without its last layer, made quick for inference on the CPU."""

import copy
import hashlib
import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.training.models.classifier import Classifier, to_float
from kedja.training.optim.layer_groups import head_name

# What lies in the processor's cache at once: half the time of batches of 32.
BATCH = 8


def frozen_images(classifier: Classifier, data: PreparedDataset) -> "Frozen":
    """The network for the images of a data set."""
    return Frozen(classifier, len(data.classes), data.spec.shape)


class Frozen:
    """What a classifier's last linear layer gets: raw pixels uint8 (N, H, W, C) → features float32 (N, D).

    Attributes:
        fingerprint: 16 hexadecimal digits of everything that the features depend on but the images.

    Raises:
        KedjaError: the network does not end in a linear layer.
    """

    def __init__(self, classifier: Classifier, classes: int, shape: tuple[int, int, int]) -> None:
        network = copy.deepcopy(classifier.network).cpu().eval()
        body = network.get_submodule("body")
        name = head_name(body, classes)
        head = body.get_submodule(name)
        example = to_float(torch.arange(BATCH * math.prod(shape)).to(torch.uint8).view(BATCH, *shape))
        with torch.inference_mode():
            logits = network(example)
            body.set_submodule(name, nn.Identity())
            if not isinstance(head, nn.Linear) or not torch.equal(head(network(example)), logits):
                remedy = "choose another optimizer, for example optim=adamw"
                raise KedjaError("this network does not end in a linear layer that could be solved", remedy)
        self.fingerprint = fingerprint(network, str(network))
        self._quick = _optimised(network, example)

    def ordered(self, data: PreparedDataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """As they come."""
        return rows

    def ahead(
        self, data: PreparedDataset, chunks: list[tuple[int, NDArray[np.int64]]]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Number and pixels of each chunk; encoded originals are decoded by all cores."""
        if data.images is not None:
            yield from ((number, data.pixels(rows)) for number, rows in chunks)
            return
        with ThreadPoolExecutor(available()) as pool:
            for number, rows in chunks:
                parts = pool.map(lambda row: data.pixels(np.array([row])), rows)
                yield number, np.concatenate(list(parts))

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # Every batch has the same size, since the first calls of a new one are slow.
        missing = -len(images) % BATCH
        padded = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)]) if missing else images
        with torch.inference_mode():
            parts: list[Tensor] = [self._quick(to_float(part)) for part in torch.split(torch.from_numpy(padded), BATCH)]
        features: NDArray[np.float32] = torch.cat(parts)[: len(images)].numpy()
        return features


def _optimised(network: nn.Module, example: Tensor) -> Any:
    """Batch normalisation folded into the convolutions, weights laid out for them: half the time."""
    with warnings.catch_warnings():
        # TorchScript is deprecated for exchange; nothing else folds a network in a second.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, (example,), check_trace=False)  # type: ignore[no-untyped-call]
        return torch.jit.optimize_for_inference(torch.jit.freeze(traced))


def fingerprint(network: nn.Module, structure: str) -> str:
    """16 hexadecimal digits of weights, structure and torch's version."""
    digest = hashlib.sha256(f"{structure} torch {torch.__version__}".encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
