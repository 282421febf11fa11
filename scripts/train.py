"""Train one model: `just train experiment=resnet9 seed=1 optim.lr=0.05`."""

from kedja import cli
from kedja.data.ensure import ensure
from kedja.training.config import compose
from kedja.training.help import help_text
from kedja.training.run import is_finished, read_summary, run_directory


def main(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(help_text())
        return
    config = compose(arguments)
    ensure(config.data.name)
    directory = run_directory(config)
    if is_finished(directory):
        print(f"{directory} is finished already")
    else:
        # torch is imported only where there is something to train.
        from kedja.training.train import train

        train(config)
    summary = read_summary(directory)
    print(
        f"{directory}: validation accuracy {summary['validation']['accuracy']:.2%} (best epoch "
        f"{summary['best_epoch']} of {summary['epochs']}), {summary['wall_seconds']:.1f} s"
    )


if __name__ == "__main__":
    cli.run_guarded(main)
