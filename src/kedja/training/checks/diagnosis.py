"""Record gradients, activations and updates, layer by layer, at every k-th step."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from kedja.runs.record import Record
from kedja.training.loop.learner import Learner

SMALLEST = 1e-12


class Diagnosis:
    """Numbers of a step go to `record`, named `<what>/<layer>` so that TensorBoard shows one kind beside another:

    gradient norm, gradient std: of the weights, as the optimizer gets them (after clipping).
    update ratio: norm of what a step adds to the weights over their own norm; about 0.001 is usual.
    activation mean, activation std, activation zeros: of a layer's output for the step's (last) part of the batch;
    zeros is a share, and near 1 behind a ReLU whose units have died.

    Weights are matrices and filters; biases and normalisations are left out. Nothing is changed and nothing drawn, so
    that a run comes out the same to the bit.
    """

    def __init__(self, learner: Learner, every: int, record: Record) -> None:
        self._body, self._optimizer = learner.classifier.body, learner.optimizer.optimizer
        self._every, self._record = every, record
        self._weights = {
            name.removesuffix(".weight"): weight for name, weight in self._body.named_parameters() if weight.ndim > 1
        }
        self._numbers: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}

    @contextmanager
    def looking(self, step: int) -> Iterator[None]:
        """Around step number `step` (from 0); costs nothing but at the steps that are looked at."""
        if step % self._every:
            yield
            return
        hooks = self._hooks()
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        names, numbers = list(self._numbers), list(self._numbers.values())
        if numbers:
            # One copy from the device for all of them.
            values = torch.stack([number.double() for number in numbers]).tolist()
            self._record.add({"step": step + 1, **dict(zip(names, values, strict=True))})
        self._numbers.clear()
        self._before.clear()

    def _hooks(self) -> list[RemovableHandle]:
        layers = [(name, layer) for name, layer in self._body.named_modules() if name and not list(layer.children())]
        return [
            *(layer.register_forward_hook(partial(self._see_output, name)) for name, layer in layers),
            self._optimizer.register_step_pre_hook(self._see_gradients),
            self._optimizer.register_step_post_hook(self._see_updates),
        ]

    @torch.no_grad()
    def _see_output(self, name: str, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        values = output.float()
        self._numbers[f"activation mean/{name}"] = values.mean()
        self._numbers[f"activation std/{name}"] = values.std()
        self._numbers[f"activation zeros/{name}"] = (values == 0).float().mean()

    @torch.no_grad()
    def _see_gradients(self, *_: Any) -> None:
        for name, weight in self._weights.items():
            if weight.grad is not None:
                self._numbers[f"gradient norm/{name}"] = weight.grad.norm()
                self._numbers[f"gradient std/{name}"] = weight.grad.std()
                self._before[name] = weight.clone()

    @torch.no_grad()
    def _see_updates(self, *_: Any) -> None:
        for name, before in self._before.items():
            change = (self._weights[name] - before).norm()
            self._numbers[f"update ratio/{name}"] = change / before.norm().clamp_min(SMALLEST)
