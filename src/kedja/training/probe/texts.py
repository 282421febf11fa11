"""A network over texts without its last layer."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kedja.bundle.inputs.text.spec import IDS, MASK
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.training.models.texts.classifier import TextClassifier
from kedja.training.optim.layer_groups import head_name
from kedja.training.probe.frozen import fingerprint


class FrozenTexts:
    """What a classifier's last linear layer gets of texts.

    Attributes:
        fingerprint: 16 hexadecimal digits of everything that the features depend on but the texts.

    Raises:
        KedjaError: the network does not end in a linear layer.
    """

    def __init__(self, classifier: TextClassifier, data: PreparedDataset) -> None:
        self._network: Any = copy.deepcopy(classifier.network).cpu().eval()
        body = self._network.get_submodule("body")
        name = head_name(body, len(data.classes))
        if not isinstance(body.get_submodule(name), nn.Linear):
            remedy = "choose another optimizer, for example optim=adamw"
            raise KedjaError("this network does not end in a linear layer that could be solved", remedy)
        body.set_submodule(name, nn.Identity())
        self.fingerprint = fingerprint(self._network, str(self._network))

    def ordered(self, data: PreparedDataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Neighbours with nearly as many tokens."""
        return data.stored.by_size(rows)

    def ahead(
        self, data: PreparedDataset, chunks: list[tuple[int, NDArray[np.int64]]]
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Number of each chunk, and its texts int64 (N, 2, length)."""
        for number, rows in chunks:
            feed = data.read(rows)
            yield number, np.stack([feed[IDS], feed[MASK]], axis=1)

    def __call__(self, texts: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            features: NDArray[np.float32] = self._network(torch.from_numpy(texts)).float().numpy()
        return features
