from pathlib import Path

import numpy as np
import pytest

from kedja.runs.read import Experiment, Run
from kedja.runs.write import write_answers
from kedja.training.config.compose import compose

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
IMAGES = 200


@pytest.fixture
def transfer(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import transfer

    return transfer


def experiment(folder, init_from, rate, accuracies):
    runs = []
    for seed, accuracy in enumerate(accuracies):
        directory = folder / f"{init_from}{rate}" / f"seed{seed}"
        directory.mkdir(parents=True)
        logits = np.zeros((IMAGES, 2), np.float32)
        logits[: round(accuracy * IMAGES), 1] = 1
        logits[round(accuracy * IMAGES) :, 0] = 1
        ids = [f"{number:03d}" for number in range(IMAGES)]
        write_answers(directory, "validation", ids, np.ones(IMAGES, np.int64), logits)
        settings = {"model.init_from": init_from, "optim.lr": rate}
        figures = {"accuracy": accuracy, "loss": 0.0}
        facts = ("cnn", {}, settings, 1, 1, 1, figures, figures, 1.0, 1.0)
        runs.append(Run(directory, "torch", "default", "0", seed, *facts))
    return Experiment("default", "0", runs)


def test_the_gain_is_between_the_best_rates_of_both_starts(transfer, tmp_path):
    ranked = [
        experiment(tmp_path, "run", 0.1, [0.8, 0.8]),
        experiment(tmp_path, "", 0.3, [0.6, 0.6]),
        experiment(tmp_path, "run", 0.3, [0.5, 0.5]),
        experiment(tmp_path, "", 0.1, [0.1, 0.1]),
    ]
    found = transfer.gain(ranked)
    assert found.value == pytest.approx(0.2)
    assert 0 < found.low < 0.2 < found.high
    assert "+20.00 points" in transfer.verdict(found)
    assert "cannot tell" not in transfer.verdict(found)


def test_an_interval_with_zero_inside_is_called_so(transfer, tmp_path):
    ranked = [experiment(tmp_path, "run", 0.1, [0.62, 0.5]), experiment(tmp_path, "", 0.1, [0.5, 0.6])]
    assert "cannot tell from none" in transfer.verdict(transfer.gain(ranked))


def test_the_arms_differ_in_the_weights_they_start_from_alone(transfer):
    pretraining = compose(["experiment=cifar10/speed", "model.width=0.5"])
    options = transfer.Options(Path("runs/first/seed0"), rates=[0.5, 1.0])
    request = transfer.request(options, pretraining, ["device=cpu"])
    configs = [compose([*point, *request.overrides]) for point in request.points()]
    assert [(c.optim.lr / pretraining.optim.lr, c.model.init_from) for c in configs] == [
        (0.5, ""),
        (0.5, "runs/first/seed0"),
        (1.0, ""),
        (1.0, "runs/first/seed0"),
    ]
    assert all((c.model.name, c.model.width) == (pretraining.model.name, 0.5) for c in configs)
    assert all((c.loss, c.data.name, c.batch_size) == (pretraining.loss, "grocery", 64) for c in configs)
