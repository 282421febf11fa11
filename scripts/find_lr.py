"""At which learning rate does the loss fall fastest? `just find-lr experiment=resnet9`."""

from pathlib import Path

from kedja import cli
from kedja.data.versions.ensure import ensure
from kedja.training.config.compose import compose, settled

PLOT = Path("reports/find_lr.png")


def main(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(f"{__doc__}\n\nTries rising rates without a run, and draws {PLOT}. The keys are those of `just train`.")
        return
    config = compose(settled(arguments))
    ensure(config.data.name)
    from kedja.training.checks.find_lr import find_lr, plot

    found = find_lr(config)
    plot(found, PLOT)
    print(f"the loss falls fastest at optim.lr={found.suggestion:.2g}; see {PLOT}")


if __name__ == "__main__":
    cli.run_guarded(main)
