"""A search from start to verdict; training is stood in for, all around it is real."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.launch import warm
from kedja.experiments.tuning.search import Found, Search, confirm, search, verdict
from kedja.runs.read import find_experiments, find_runs
from kedja.training.config import compose as config


@pytest.fixture
def wanted(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    shutil.copytree(config.CONF, workplace / "conf")
    monkeypatch.setattr(config, "CONF", workplace / "conf")
    monkeypatch.setattr(warm, "LOADED", ())
    (workplace / "conf/tune/lr.yaml").write_text("optim.lr: 0.001..0.8:log\n")
    return Search(
        name="first",
        storage="",
        space_file=workplace / "conf/tune/lr.yaml",
        space={},
        overrides=["experiment=debug", "epochs=5"],
        objectives=["accuracy"],
        trials=6,
        minutes=None,
        jobs=2,
        seed=3,
        runs=Path("runs"),
        train="support.stand_in_train",
    )


def test_a_search_its_best_settings_and_their_check(wanted: Search, workplace: Path) -> None:
    lines: list[str] = []
    found = search(wanted, lines.append)
    assert found.complete
    assert found.counts["complete"] + found.counts.get("pruned", 0) == 6
    assert sum("starts" in line for line in lines) == 6
    assert "6 complete" in found.text() or "pruned" in found.text()
    assert [one.partition("=")[0] for one in found.best_overrides] == ["experiment", "epochs", "optim.lr"]
    text = confirm(wanted, found, workplace / "conf", "tuned", [1, 2])
    assert "conf/experiment/tuned.yaml is written" in text
    assert "there is no other experiment to compare with" in text
    assert len(list(workplace.glob("runs/tuned-*/seed[12]/summary.json"))) == 2
    assert config.compose(["experiment=tuned"]).epochs == 5


def test_unless_asked_the_best_settings_stay_in_the_folder_of_the_study(wanted: Search, workplace: Path) -> None:
    before = sorted((workplace / "conf").rglob("*"))
    found = search(replace(wanted, trials=2), lambda line: None)
    text = confirm(wanted, found, workplace / "conf", "", [1, 2])
    assert text.startswith("runs/tune/first/found.yaml is written\nstudy first reaches ")
    assert "optim" in (workplace / "runs/tune/first/found.yaml").read_text()
    assert sorted((workplace / "conf").rglob("*")) == before
    assert len(list(workplace.glob("runs/tune/first/check/debug-*/seed[12]/summary.json"))) == 2
    assert not find_runs(workplace / "runs")


def test_a_second_call_continues_the_study(wanted: Search) -> None:
    lines: list[str] = []
    assert search(replace(wanted, trials=3), lines.append).complete
    assert not search(replace(wanted, trials=5, minutes=1e-9), lines.append).complete
    assert search(replace(wanted, trials=5), lines.append).complete
    assert sum("starts" in line for line in lines) == 5


def test_several_objectives_give_a_front(wanted: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    from kedja.experiments.tuning import worker as tune

    monkeypatch.setattr(tune, "latency", lambda directory: 1.5)
    found = search(replace(wanted, objectives=["accuracy", "latency"], trials=3), lambda line: None)
    assert found.counts == {"complete": 3}
    assert all(len(values) == 2 and values[1] == 1.5 for values in found.best)
    assert "1.50 ms an image" in found.text()


def test_a_key_that_training_does_not_know_is_refused_before_any_trial(wanted: Search) -> None:
    with pytest.raises(KedjaError, match=r"did you mean 'optim\.lr'"):
        search(replace(wanted, space={"optim.lrr": "0.1..1"}), lambda line: None)


def test_the_verdict_names_the_best_other_network(make_run: Callable[..., Path], tmp_path: Path) -> None:
    for seed in range(3):
        make_run("tuned", seed=seed, wrong=[1])
        make_run("resnet9", seed=seed, wrong=list(range(30)))
        make_run("cnn", seed=seed, wrong=list(range(40)))
    text = verdict(compare(find_experiments(tmp_path / "runs")), "tuned")
    assert text.startswith("tuned reaches 99.50% with fresh seeds; it beats (+14.50 points")
    assert text.endswith("the best other experiment resnet9 (85.00%)")
    text = verdict(compare(find_experiments(tmp_path / "runs")), "resnet9")
    assert "it does not reach (-14.50 points" in text


def test_an_empty_study_has_no_best() -> None:
    assert Found("one", {}, complete=False, best=[], best_overrides=[]).text() == "study one: ; run it again to go on"
