"""Profile a training step: where it spends its time and its memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from kedja.training.checks.rehearsal import Rehearsal, rehearse
from kedja.training.config.schema import TrainConfig

WARM_UP = 3
ROWS = 20


@dataclass(frozen=True)
class Profile:
    """The profiler's table, seconds a step, and bytes by what holds them."""

    table: str
    seconds_per_step: float
    memory: dict[str, int]


def profile_training(config: TrainConfig, steps: int, trace: Path) -> Profile:
    """Profile `steps` steps after a warm-up and write the trace for chrome://tracing or ui.perfetto.dev."""
    rehearsal = rehearse(config)
    batches = list(islice(rehearsal.batches(), WARM_UP + steps))
    for step, batch in enumerate(batches[:WARM_UP]):
        rehearsal.learner.learn(batch, len(batch.labels), step, 1.0)
    on_gpu = rehearsal.learner.fabric.device.type == "cuda"
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
    with profile(activities=activities) as recorded:
        for step, batch in enumerate(batches[WARM_UP:]):
            rehearsal.learner.learn(batch, len(batch.labels), WARM_UP + step, 1.0)
    trace.parent.mkdir(parents=True, exist_ok=True)
    recorded.export_chrome_trace(str(trace))
    averages = recorded.key_averages()
    table = averages.table(sort_by="self_cuda_time_total" if on_gpu else "self_cpu_time_total", row_limit=ROWS)
    microseconds = sum(event.self_device_time_total if on_gpu else event.self_cpu_time_total for event in averages)
    return Profile(table, microseconds / steps / 1e6, memory(rehearsal))


def memory(rehearsal: Rehearsal) -> dict[str, int]:
    """Bytes by what holds them; the activations are those that one batch keeps for its backward pass."""
    learner = rehearsal.learner
    parameters = list(learner.classifier.parameters())
    states = [v for state in learner.optimizer.state.values() for v in state.values() if isinstance(v, Tensor)]
    averaged = [] if learner.ema is None else list(learner.ema.module.parameters())
    return {
        "parameters": _bytes(parameters),
        "gradients": _bytes([p for p in parameters if p.requires_grad]),
        "optimizer": _bytes(states),
        "moving average": _bytes(averaged),
        "activations of a batch": _saved_for_backward(rehearsal),
    }


def _saved_for_backward(rehearsal: Rehearsal) -> int:
    own = {p.untyped_storage().data_ptr() for p in rehearsal.learner.classifier.parameters()}
    kept: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = next(rehearsal.batches())
    with torch.autograd.graph.saved_tensors_hooks(remember, _unchanged):
        rehearsal.learner.learn(batch, len(batch.labels), 0, 0.0)
    return sum(kept.values())


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor
