"""Muon (Jordan et al. 2024): momentum whose matrices are orthogonalised before they are applied."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# Coefficients of the quintic Newton–Schulz iteration, from Jordan's publication: they bring all singular values
# near 1 in a few steps; three are enough here, and cost less.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 3
TINY = 1e-8


class Muon(torch.optim.Optimizer):
    """Groups with `orthogonal=True` (filters and matrices) take orthogonalised updates, the others
    Adam (Kingma and Ba 2015).

    Filters are held at a fixed norm (made for networks that normalise after every convolution, where the
    norm does not matter), so the learning rate of such a group is the share of that norm that a step moves.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], lr: float, momentum: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": 0.0, "orthogonal": False}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        result = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update = self._orthogonal if group["orthogonal"] else self._adam
                    parameter.add_(update(parameter, parameter.grad, group), alpha=-group["lr"])
        return result

    def _orthogonal(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].mul_(group["momentum"]).add_(gradient)
        update = gradient.add(average, alpha=group["momentum"])
        norm = len(parameter) ** 0.5
        # Filters keep the norm they began with, so a step turns them by a known angle.
        parameter.mul_(norm / parameter.norm().clamp_min(1e-7))
        turned: Tensor = orthogonalise(update.reshape(len(update), -1)).view(update.shape) * norm
        return turned

    def _adam(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - beta1)
        state["square"].lerp_(gradient.square(), 1 - beta2)
        mean = state["mean"] / (1 - beta1 ** state["step"])
        square = state["square"] / (1 - beta2 ** state["step"])
        scaled: Tensor = mean / (square.sqrt() + TINY)
        return scaled


def orthogonalise(matrix: Tensor) -> Tensor:
    """Roughly the nearest (semi-)orthogonal matrix, scaled to a norm of about 1."""
    a, b, c = NEWTON_SCHULZ
    x: Tensor = matrix / matrix.norm().clamp_min(1e-7)
    if tall := len(x) > x.shape[1]:
        x = x.T
    for _ in range(STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    x = x.T if tall else x
    size: float = min(matrix.shape) ** 0.5
    return x / size
