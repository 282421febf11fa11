import sys
import time
from dataclasses import replace

import pytest

from kedja.experiments.launch import budget, plan
from kedja.experiments.launch.plan import Request
from kedja.experiments.launch.pool import Outcome
from kedja.runs.read import read_run
from support import stand_in_train

NAMES = ["plain", "resnet9", "adamw-ema"]


@pytest.fixture
def go(workplace, monkeypatch):
    """Trains each task's stand-in here, and remembers their names."""

    def run(tasks, deadline):
        outcomes = []
        for task in plan.unfinished(tasks):
            if time.monotonic() < deadline and task.name not in run.refused:  # type: ignore[attr-defined]
                monkeypatch.setattr(sys, "argv", ["train", *task.command[1:]])
                stand_in_train.run()
                run.ran.append(task.name)  # type: ignore[attr-defined]
                outcomes.append(Outcome(task, 0, 1.0))
        return outcomes

    run.ran, run.refused = [], ()  # type: ignore[attr-defined]
    return run


def wanted(seeds=(0, 1)):
    # The learning rate decides how good a stand-in gets: adamw's 0.003 is worst.
    return plan.training_runs(Request(list(seeds)), NAMES)


def test_all_get_a_quarter_the_better_half_all_and_the_best_its_seeds(go):
    spent = budget.spend(60, wanted(), [], plan.TRAIN, go)
    short, rest = go.ran[:3], go.ran[3:]
    assert short == ["plain seed=0 epochs=3", "resnet9 seed=0 epochs=2", "adamw-ema seed=0 epochs=3"]
    assert sorted(rest[:2]) == ["plain seed=0", "resnet9 seed=0"]
    assert rest[2:] == ["plain seed=1"]
    [cut] = spent.cut
    assert cut.startswith("cut after 3 epochs with")
    assert cut.endswith(": adamw-ema")
    assert len(spent.outcomes) == len(go.ran)


def test_what_is_finished_is_not_run_again(go):
    budget.spend(60, wanted(), [], plan.TRAIN, go)
    before = list(go.ran)
    spent = budget.spend(60, wanted(), [], plan.TRAIN, go)
    assert go.ran == before
    assert not spent.outcomes


def test_without_time_everything_is_said_to_be_cut(go):
    spent = budget.spend(0, wanted([0]), [], plan.TRAIN, go)
    assert not go.ran
    assert [line.partition(":")[0] for line in spent.cut] == ["out of time"] * 3


def test_what_would_take_longer_than_is_left_is_not_begun(go, monkeypatch):
    monkeypatch.setattr(budget, "read_run", lambda folder: replace(read_run(folder), wall_seconds=1e6))
    spent = budget.spend(60, wanted([0]), [], plan.TRAIN, go)
    assert len(go.ran) == 3
    assert sum("takes about" in line for line in spent.cut) == 2
