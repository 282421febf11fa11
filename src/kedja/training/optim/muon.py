"""Muon (Jordan et al. 2024): momentum whose matrices are orthogonalised before they are applied."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
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
            learning = [parameter for parameter in group["params"] if parameter.grad is not None]
            if learning:
                gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
                torch._foreach_mul_(learning, 1 - group["lr"] * group["weight_decay"])
                update = self._orthogonal if group["orthogonal"] else self._adam
                torch._foreach_add_(learning, update(learning, gradients, group), alpha=-group["lr"])
        return result

    def _orthogonal(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        averages = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(averages, group["momentum"])
        torch._foreach_add_(averages, gradients)
        updates = torch._foreach_add(gradients, averages, alpha=group["momentum"])
        norms = torch._foreach_norm(parameters)
        torch._foreach_clamp_min_(norms, 1e-7)
        sizes = [len(parameter) ** 0.5 for parameter in parameters]
        # Filters keep the norm they began with, so a step turns them by a known angle.
        torch._foreach_mul_(parameters, [size / norm for size, norm in zip(sizes, norms, strict=True)])
        turned = orthogonalise_all([update.reshape(len(update), -1) for update in updates])
        torch._foreach_mul_(turned, sizes)
        return [one.view(update.shape) for one, update in zip(turned, updates, strict=True)]

    def _adam(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        beta1, beta2 = group["betas"]
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("mean", "square")}
                self.state[parameter].update(step=0, **zeros)
            self.state[parameter]["step"] += 1
        states = [self.state[parameter] for parameter in parameters]
        means, squares = ([state[name] for state in states] for name in ("mean", "square"))
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - beta2)
        scales = torch._foreach_div(squares, [1 - beta2 ** state["step"] for state in states])
        torch._foreach_sqrt_(scales)
        torch._foreach_add_(scales, TINY)
        scaled = torch._foreach_div(means, [1 - beta1 ** state["step"] for state in states])
        torch._foreach_div_(scaled, scales)
        return list(scaled)


def orthogonalise_all(matrices: Sequence[Tensor]) -> list[Tensor]:
    """`orthogonalise` of each (rows, columns); on a GPU those of one shape together, in as many kernels as one takes.

    On a CPU one after the other: together is no faster there, and its sums have another order.
    """
    alike: dict[Any, list[int]] = defaultdict(list)
    for index, matrix in enumerate(matrices):
        alike[tuple(matrix.shape) if matrix.is_cuda else index].append(index)
    turned = list(matrices)
    for group in alike.values():
        if len(group) == 1:
            turned[group[0]] = orthogonalise(matrices[group[0]])
            continue
        for index, one in zip(group, orthogonalise(torch.stack([matrices[i] for i in group])), strict=True):
            turned[index] = one
    return turned


def orthogonalise(matrix: Tensor) -> Tensor:
    """Roughly the nearest (semi-)orthogonal matrix, scaled to a norm of about 1; (…, rows, columns)."""
    a, b, c = NEWTON_SCHULZ
    x: Tensor = matrix / torch.linalg.vector_norm(matrix, dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    if tall := x.shape[-2] > x.shape[-1]:
        x = x.mT
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    x = x.mT if tall else x
    size: float = min(matrix.shape[-2:]) ** 0.5
    return x / size
