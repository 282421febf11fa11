import dataclasses

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kedja.common.errors import KedjaError
from kedja.runs.record import read_lines, tag
from kedja.training.config.run_folder import load_data
from kedja.training.loop.checkpoint import load_checkpoint, load_weights
from kedja.training.loop.train import make_trainer, train
from kedja.training.loop.trainer import Trainer


@pytest.mark.parametrize("overrides", [[], ["model.dropout=0.3", "optim=muon", "ema=0.9", "accumulate=2", "clip=0.5"]])
def test_a_run_that_is_watched_comes_out_the_same_to_the_bit(workplace, debug, overrides):
    plain, watched = train(debug(*overrides, "runs=plain")), train(debug(*overrides, "diagnose=3"))
    assert watched.name == plain.name
    first, second = (load_weights(run / "best.safetensors") for run in (plain, watched))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (plain / "diagnosis.jsonl").exists()


def test_every_layer_is_in_tensorboard_at_every_third_step(workplace, debug):
    directory = train(debug("diagnose=3", "epochs=1"))
    lines = read_lines(directory / "diagnosis.jsonl")
    steps = load_checkpoint(directory / "last.ckpt")["position"]["step"]
    assert [line["step"] for line in lines] == list(range(1, steps + 1, 3))
    kinds = {"gradient norm", "gradient std", "update ratio", "activation mean", "activation std", "activation zeros"}
    assert {name.partition("/")[0] for name in lines[0] if name != "step"} == kinds
    assert all(0 < value < 1 for name, value in lines[-1].items() if name.startswith("update ratio/"))
    events = EventAccumulator(str(directory / "tensorboard")).Reload()
    for name in lines[0].keys() - {"step"}:
        shown = [(event.step, event.value) for event in events.Scalars(tag(name))]
        assert shown == [(line["step"], pytest.approx(line[name], rel=1e-6, abs=1e-30)) for line in lines]


def test_the_numbers_are_those_of_the_step(workplace, debug):
    """Plain SGD without momentum and decay: what a step adds is the learning rate times the gradient."""
    config = debug("diagnose=1", "epochs=1", "optim.momentum=0", "optim.weight_decay=0", "schedule=constant")
    before = dict(
        make_trainer(config, load_data(config), workplace / "unused").learner.classifier.body.named_parameters()
    )
    first = read_lines(train(config) / "diagnosis.jsonl")[0]
    rate = read_lines(next(workplace.glob("runs/*/seed0/metrics.jsonl")))[0]["learning_rate"]
    for name, weight in before.items():
        layer = name.removesuffix(".weight")
        if weight.ndim > 1:
            expected = rate * first[f"gradient norm/{layer}"] / weight.norm().item()
            assert first[f"update ratio/{layer}"] == pytest.approx(expected, rel=1e-3)


def test_a_run_that_continues_repeats_and_loses_no_step(workplace, debug, monkeypatch):
    save, config = Trainer._save, debug("diagnose=1", "checkpoint_seconds=0")

    def save_until(self):
        if self.position.step == 30:
            raise InterruptedError
        if self.position.step <= 20:
            save(self)

    monkeypatch.setattr(Trainer, "_save", save_until)
    with pytest.raises(InterruptedError):
        train(config)
    monkeypatch.setattr(Trainer, "_save", save)
    directory = train(dataclasses.replace(config, checkpoint_seconds=20))
    steps = [line["step"] for line in read_lines(directory / "diagnosis.jsonl")]
    assert steps == list(range(1, len(steps) + 1))
    events = EventAccumulator(str(directory / "tensorboard")).Reload()
    (name, *_) = (one for one in events.Tags()["scalars"] if one.startswith("4 diagnosis: gradient norm/"))
    assert [event.step for event in events.Scalars(name)] == steps


def test_a_compiled_network_is_refused(debug):
    with pytest.raises(KedjaError, match="diagnose cannot see into a compiled network"):
        debug("diagnose=1", "compile=true")
