"""Compute the features of a data set's images under the pretrained network, for whoever reads them without PyTorch."""

from dataclasses import dataclass

from kedja import cli
from kedja.data.names import DATA
from kedja.data.prepared import load


@dataclass
class Options:
    """What the pretrained network makes of a data set's images: computed once, kept beside the data set."""

    data: str = cli.required("the prepared data set data/<name>/")
    model: str = cli.option("efficientnet_lite0", "a network with published weights")


def main(options: Options) -> None:
    """Compute what is missing."""
    from kedja.training.config.schema import ModelConfig
    from kedja.training.models.registry import build
    from kedja.training.models.weights.initial import initialise
    from kedja.training.probe.features import features
    from kedja.training.probe.frozen import Frozen

    data, config = load(DATA / options.data), ModelConfig(name=options.model, pretrained=True)
    classes, statistics = len(data.classes), data.description
    network = build(config, classes, data.spec, statistics["mean"], statistics["std"])
    initialise(network.body, config, lambda line: None)
    features(Frozen(network, classes, data.spec.shape), data, data.split("train"))


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
