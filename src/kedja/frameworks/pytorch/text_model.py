"""The module that is exported of texts: token ids and mask in, logits and probabilities out."""

import torch
from torch import nn


class TextModel(nn.Module):
    """Adds the probabilities to a trained model.

    Args:
        model: `input_ids`, `attention_mask` int64 (N, length) → logits float32 (N, classes), in evaluation mode.
        temperature: the logits are divided by it for the probabilities.
    """

    def __init__(self, model: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """→ (logits, probabilities), each float32 (N, classes)."""
        logits = self.model(input_ids, attention_mask)
        return logits, (logits / self.temperature if self.temperature != 1 else logits).softmax(dim=1)
