"""A network for rows: numbers in pieces, categories as learnt vectors, then layers that see them all."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from kedja.bundle.inputs.table.spec import TableInput

# Of a category; stands for one that is missing or unseen, too.
_VECTOR = 12
_HIDDEN, _LAYERS = 256, 3
# Codes of no category, see `kedja.bundle.inputs.table.column`.
_STRANGERS = 2


class RowNetwork(nn.Module):
    """`numbers` float64 (N, k) and `codes` int32 (N, m), as far as there are any → logits float32 (N, classes).

    A number becomes how much of it lies in each piece between two quantiles (Gorishniy et al. 2022, "On Embeddings for
    Numerical Features in Tabular Deep Learning"), its place in the whole range on a scale that bears long tails, and
    whether it is missing.

    Args:
        quantiles: of each column of numbers, ascending.
        width: factor on the number of hidden units.
    """

    low: Tensor
    step: Tensor
    places: Tensor
    first: Tensor
    range: Tensor
    offsets: Tensor

    def __init__(
        self,
        expected: TableInput,
        quantiles: Sequence[Sequence[float]],
        classes: int,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tensors = [tensor.name for tensor in expected.tensors]
        edges = [list(of_column) for of_column in quantiles]
        pieces = [(place, low, high) for place, of in enumerate(edges) for low, high in pairwise(of)]
        self._buffer("places", torch.tensor([place for place, _, _ in pieces], dtype=torch.int64))
        self._buffer("low", torch.tensor([low for _, low, _ in pieces], dtype=torch.float64))
        self._buffer("step", torch.tensor([high - low for _, low, high in pieces], dtype=torch.float64))
        ends = torch.tensor([(of[0], of[-1]) if of else (0.0, 0.0) for of in edges], dtype=torch.float64)
        scaled = _compressed(ends.reshape(-1, 2))
        self._buffer("first", scaled[:, 0])
        self._buffer("range", (scaled[:, 1] - scaled[:, 0]).clamp_min(1e-9))
        sizes = torch.tensor([len(column.categories) + _STRANGERS for column in expected.coded], dtype=torch.int64)
        self._buffer("offsets", torch.cumsum(sizes, 0) - sizes + _STRANGERS)
        self.vectors = nn.Embedding(int(sizes.sum()), _VECTOR) if len(sizes) else None
        inputs = len(pieces) + 2 * len(edges) + _VECTOR * len(sizes)
        hidden = max(8, round(width * _HIDDEN))
        layers: list[nn.Module] = []
        for _ in range(_LAYERS):
            layers += [nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout)]
            inputs = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, classes))

    def _buffer(self, name: str, value: Tensor) -> None:
        # From the data set's record and not from the weights: a run keeps both.
        self.register_buffer(name, value, persistent=False)

    def forward(self, *tensors: Tensor) -> Tensor:
        feed = dict(zip(self.tensors, tensors, strict=True))
        parts = []
        if "numbers" in feed:
            parts.append(self._of_numbers(feed["numbers"]))
        if self.vectors is not None:
            vectors = self.vectors(feed["codes"].long() + self.offsets)
            parts.append(vectors.flatten(1))
        logits: Tensor = self.layers(torch.cat(parts, dim=1))
        return logits

    def _of_numbers(self, numbers: Tensor) -> Tensor:
        missing = torch.isnan(numbers)
        known = torch.where(missing, torch.zeros_like(numbers), numbers)
        pieces = ((known[:, self.places] - self.low) / self.step).clamp(0, 1)
        pieces = torch.where(missing[:, self.places], torch.zeros_like(pieces), pieces)
        scaled = ((_compressed(known) - self.first) / self.range).clamp(-1, 2)
        scaled = torch.where(missing, torch.full_like(scaled, 0.5), scaled)
        return torch.cat([pieces, scaled, missing.double()], dim=1).float()


def _compressed(numbers: Tensor) -> Tensor:
    """The logarithm of how far a number is from zero, with its sign; ONNX Runtime has no inverse hyperbolic sine."""
    return numbers.sign() * torch.log(1 + numbers.abs())


class Served(nn.Module):
    """A row network with its probabilities, as the graph answers.

    Args:
        temperature: the logits are divided by it for the probabilities.
    """

    def __init__(self, network: RowNetwork, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """The one tensor that there is → (logits, probabilities), each float32 (N, classes)."""
        return self.answers(self.network(first))

    def answers(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The logits as they are, and the probabilities."""
        return logits, (logits / self.temperature).softmax(dim=1)


class ServedOfTwo(Served):
    """The same of numbers and codes."""

    def forward(self, numbers: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self.answers(self.network(numbers, codes))


def served(network: RowNetwork, temperature: float) -> Served:
    """The module that is exported: it takes as many tensors as the network does."""
    made = (ServedOfTwo if len(network.tensors) > 1 else Served)(network, temperature)
    made.eval()
    return made
