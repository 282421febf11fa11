"""Name → optimizer, schedule, loss. A new one is a function and a line here. Loads no torch."""

from dataclasses import dataclass

from kedja.training.component import Component


@dataclass(frozen=True)
class Optimizer(Component):
    """Attributes:
    solves: whether it finds the last layer at once, on features that are computed once, instead of taking steps.
    """

    solves: bool = False


@dataclass(frozen=True)
class Schedule(Component):
    """Attributes:
    waits: whether the rate drops when the validation loss stands still, by its keys `patience` and `drop`.
    """

    waits: bool = False


# (groups of parameters, configuration) → torch.optim.Optimizer
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer("kedja.training.optim.optimizer:sgd", ("lr", "momentum", "weight_decay")),
    "adamw": Optimizer("kedja.training.optim.optimizer:adamw", ("lr", "beta1", "beta2", "weight_decay")),
    "muon": Optimizer(
        "kedja.training.optim.optimizer:muon", ("lr", "momentum", "vector_lr", "beta1", "beta2", "weight_decay")
    ),
    # Logistic regression (`kedja.training.probe`); what takes no steps needs no optimizer of torch's.
    "lbfgs": Optimizer("kedja.training.optim.optimizer:sgd", ("views",), solves=True),
}
# (how much of the run after the warm-up is done, 0…1) → what is left of the way from `final` to the highest rate
SCHEDULES: dict[str, Schedule] = {
    "onecycle": Schedule("kedja.training.optim.schedule:straight", ("warmup", "final")),
    "cosine": Schedule("kedja.training.optim.schedule:half_cosine", ("warmup", "final")),
    "constant": Schedule("", ("warmup",)),
    "plateau": Schedule("", ("warmup", "patience", "drop"), waits=True),
}
# (logarithms of the probabilities, configuration) → factors of the cross-entropy's terms
LOSSES: dict[str, Component] = {
    "cross_entropy": Component("", ("label_smoothing", "class_weights")),
    "focal": Component("kedja.training.optim.losses:focal", ("label_smoothing", "class_weights", "gamma")),
}
