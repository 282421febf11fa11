"""Train one model: `just train experiment=resnet9 seed=1 optim.lr=0.05`."""

import contextlib
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.data.versions.ensure import ensure
from kedja.runs.folder import is_finished, is_first_process, read_summary
from kedja.training.config.compose import compose
from kedja.training.config.help import help_text
from kedja.training.config.run_folder import run_directory
from kedja.training.config.schema import TENSORBOARD, TrainConfig, trackers
from kedja.training.loop.lock import only_process

PLOT = Path("reports/find_lr.png")


def say(line: str) -> None:
    """Once, however many processes `torchrun` started."""
    if is_first_process():
        print(line)


def main(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(help_text())
        return
    config = compose(arguments)
    ensure(config.data.name)
    if config.find_lr or config.overfit:
        look_before_training(config)
        return
    directory = run_directory(config)
    if is_finished(directory):
        say(f"{directory} is finished already")
    else:
        with only_process(directory):
            train_once(config, directory)
    summary = read_summary(directory)
    say(
        f"{directory}: validation accuracy {summary['validation']['accuracy']:.2%} (best epoch "
        f"{summary['best_epoch']} of {summary['epochs']}), {summary['wall_seconds']:.1f} s"
    )


def train_once(config: TrainConfig, directory: Path) -> None:
    """Another process may have finished the run while this one waited for it."""
    if is_finished(directory):
        return
    with tracked(config, directory):
        # torch is imported only where there is something to train.
        from kedja.training.loop.train import train

        train(config)


def tracked(config: TrainConfig, directory: Path) -> contextlib.AbstractContextManager[None]:
    """Trackers but TensorBoard get the run from its folder, which training itself writes."""
    others = [name for name in trackers(config) if name != TENSORBOARD]
    if not others or not is_first_process():
        return contextlib.nullcontext()
    from kedja.experiments.trackers.live import live
    from kedja.experiments.trackers.tracker import Settings

    return live(others, directory, Settings(Path(config.runs), config.tracker_address, config.tracker_project))


def look_before_training(config: TrainConfig) -> None:
    if config.find_lr:
        from kedja.training.checks.find_lr import find_lr, plot

        found = find_lr(config)
        plot(found, PLOT)
        print(f"the loss falls fastest at optim.lr={found.suggestion:.2g}; see {PLOT}")
    if config.overfit:
        from kedja.training.checks.overfit import overfit_one_batch

        result = overfit_one_batch(config)
        print(
            f"one batch of {result.images} images: loss {result.first_loss:.3f} → {result.loss:.4f}, "
            f"accuracy {result.accuracy:.1%} after {result.steps} steps"
        )
        if not result.succeeded:
            raise KedjaError(
                "the network did not memorise one batch",
                "try another optim.lr; else look at the labels, and at the model",
            )


if __name__ == "__main__":
    cli.run_guarded(main)
