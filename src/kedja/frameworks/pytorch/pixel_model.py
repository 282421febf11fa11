"""The module that is exported: raw pixels in, logits and probabilities out."""

import torch
from torch import nn


class PixelModel(nn.Module):
    """Adds the probabilities to a trained model whose normalisation is already inside.

    Args:
        model: uint8 (N, H, W, C) → logits float32 (N, classes), in evaluation mode.
        temperature: the logits are divided by it for the probabilities.
    """

    def __init__(self, model: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Uint8 (N, H, W, C) → (logits, probabilities), each float32 (N, classes)."""
        logits = self.model(image)
        return logits, (logits / self.temperature if self.temperature != 1 else logits).softmax(dim=1)
