"""A small network from scratch: convolutions over the embeddings of tokens, the maximum over the text (Kim 2014)."""

import torch
from torch import Tensor, nn

from kedja.bundle.inputs.text.spec import TextInput
from kedja.training.config.schema import ModelConfig

WIDTH = 128
# Tokens that each kind of filter sees; odd, so that a token stays in the middle.
SPANS = (1, 3, 5)


class Convolutional(nn.Module):
    """int64 (N, 2, length), ids and mask → logits (N, classes). What is padding changes no answer."""

    def __init__(self, vocabulary: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.1)
        self.filters = nn.ModuleList(nn.Conv1d(width, width, span, padding=span // 2) for span in SPANS)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width * len(SPANS), classes)

    def forward(self, texts: Tensor) -> Tensor:
        ids, mask = texts.unbind(1)
        there = mask.unsqueeze(1) != 0
        x = self.words(ids).transpose(1, 2) * there
        # Behind a ReLU nothing is below zero, so that zeros are no maximum that was not there.
        found = torch.cat([(layer(x).relu() * there).amax(2) for layer in self.filters], dim=1)
        logits: Tensor = self.head(self.dropout(found))
        return logits


def convolutional(config: ModelConfig, expected: TextInput, classes: int) -> nn.Module:
    """The network for the data set's tokenizer."""
    return Convolutional(expected.vocabulary, max(1, round(WIDTH * config.width)), classes, config.dropout)
