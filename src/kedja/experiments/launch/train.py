"""One training run from its keys to its summary: `python -m kedja.experiments.launch.train experiment=resnet9 seed=1`.

The run's folder is worked out once, here. Trackers live as long as training does, beside it: training knows nothing of
them.
"""

import contextlib
from pathlib import Path

from kedja import cli
from kedja.data.versions.ensure import ensure
from kedja.experiments.trackers.tracker import Settings, check_names
from kedja.frameworks.registry import find
from kedja.runs.folder import is_finished, is_first_process
from kedja.runs.read import read_run
from kedja.training.config.compose import compose, settled
from kedja.training.config.help import help_text
from kedja.training.config.run_folder import run_directory
from kedja.training.config.schema import TENSORBOARD, TrainConfig, trackers
from kedja.training.loop.lock import only_process
from kedja.training.models import records


def main(arguments: list[str]) -> None:
    """Train the run that the keys name, or say that it is finished."""
    if {"--help", "-h"} & set(arguments):
        print(help_text())
        return
    config = compose(settled(arguments))
    check_names(config.tracker.split(","))
    folder = ensure(config.data.name)
    directory = run_directory(config)
    if is_finished(directory):
        say(f"{directory} is finished already")
    else:
        with only_process(directory):
            _train_once(config, folder, directory)
    run = read_run(directory)
    say(
        f"{directory}: validation accuracy {run.validation['accuracy']:.2%} (best epoch {run.best_epoch} of "
        f"{run.epochs}), {run.wall_seconds:.1f} s"
    )
    if is_first_process():
        cli.next_step(f"just export run={directory}", f"all experiments: just experiments data={config.data.name}")


def run() -> None:
    """`main` as a command of its own."""
    cli.run_guarded(main)


def say(line: str) -> None:
    """Once, however many processes `torchrun` started."""
    if is_first_process():
        print(line)


def tracked(config: TrainConfig, directory: Path) -> contextlib.AbstractContextManager[None]:
    """Trackers but TensorBoard get the run from its folder, which training itself writes."""
    others = [name for name in trackers(config) if name != TENSORBOARD]
    if not others or not is_first_process():
        return contextlib.nullcontext()
    from kedja.experiments.trackers.live import live

    return live(others, directory, Settings(Path(config.runs), config.tracker_address, config.tracker_project))


def _train_once(config: TrainConfig, folder: Path, directory: Path) -> None:
    """Another process may have finished the run while this one waited for it."""
    if is_finished(directory):
        return
    with tracked(config, directory):
        # Loads the data, and torch, only where there is something to train.
        from kedja.data.prepared import load

        find(records.find(config.model.name).framework).fit(config, load(folder), directory)


if __name__ == "__main__":
    run()
