"""A learner and its data, ready to take steps: the one way from a configuration to tensors."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kedja.common.allocator import keep_freed_memory
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.training.batches.dataset import ImageDataset
from kedja.training.config.schema import TrainConfig
from kedja.training.kinds import taken
from kedja.training.loop.determinism import set_determinism
from kedja.training.loop.devices import make_fabric
from kedja.training.loop.learner import Learner
from kedja.training.loop.seeding import seed_everything, set_threads
from kedja.training.models import records
from kedja.training.models.registry import build_for
from kedja.training.models.weights.initial import initialise
from kedja.training.models.whitening import fit_whitening
from kedja.training.probe.solve import check_solvable, start_solved


@dataclass(frozen=True)
class Setup:
    """A learner, its training images on its device, its CPU threads, and where its weights come from."""

    learner: Learner
    train_set: ImageDataset
    threads: int
    origin: dict[str, str] | None


def set_up(
    config: TrainConfig,
    data: PreparedDataset,
    say: Callable[[str], None] = print,
    *,
    precision: str = "",
    begun: bool = False,
) -> Setup:
    """Threads, seeds, network, device, data and initial weights, in this order, since each draws on the one before.

    Args:
        say: is told once, however many processes `torchrun` started, which weights were loaded.
        precision: instead of the configuration's, for a run that goes on.
        begun: whether all weights come from a checkpoint anyway.

    Raises:
        KedjaError: no such model, device or weights, or they do not fit the data.
    """
    if data.kind not in records.find(config.model.name).kinds:
        raise KedjaError(
            f"{config.model.name} does not take the {data.input.nouns} of {data.folder}/", "just experiments …"
        )
    parts = taken(data.kind)
    parts.check(config.augment)
    check_solvable(config)
    keep_freed_memory()
    set_determinism(config.deterministic)
    threads = set_threads(config.threads, parts.size(data.input))
    seed_everything(config.seed)
    classifier = build_for(config.model, data.input, data.facts)
    fabric = make_fabric(replace(config, precision=precision or config.precision), classifier)
    train_set: ImageDataset = parts.split(data, "train", fabric.device, config.data.decoder)
    fit_whitening(classifier, train_set)
    heard = say if fabric.is_global_zero else _say_nothing
    origin = initialise(
        classifier.body, config.model, heard, dict(classifier.network.named_children()).get("normalise")
    )
    if config.finetune.solve_head and not begun:
        start_solved(classifier, data, config)
    return Setup(Learner(fabric, classifier, train_set, config), train_set, threads, origin)


def _say_nothing(line: str) -> None:
    """What other processes than the first say."""
