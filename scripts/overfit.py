"""Can the network memorise one batch? `just overfit experiment=resnet9`."""

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.data.versions.ensure import ensure
from kedja.training.config.compose import compose, settled


def main(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(f"{__doc__}\n\nTrains on a single batch, without a run. The keys are those of `just train`.")
        return
    config = compose(settled(arguments))
    ensure(config.data.name)
    from kedja.training.checks.overfit import overfit_one_batch

    result = overfit_one_batch(config)
    print(
        f"one batch of {result.images} images: loss {result.first_loss:.3f} → {result.loss:.4f}, "
        f"accuracy {result.accuracy:.1%} after {result.steps} steps"
    )
    if not result.succeeded:
        raise KedjaError(
            "the network did not memorise one batch", "try another optim.lr; else look at the labels, and at the model"
        )


if __name__ == "__main__":
    cli.run_guarded(main)
