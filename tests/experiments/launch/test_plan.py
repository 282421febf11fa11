import os
import shutil
from pathlib import Path

import pytest

from kedja.baselines.registry import BASELINES
from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.experiments.launch import plan, warm
from kedja.experiments.launch.plan import Request, chosen, split_arguments, unfinished
from kedja.experiments.launch.pool import Task
from kedja.experiments.launch.stage import one_gpu_each
from kedja.training.config.experiments import experiment_names


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    for name in ("debug", "large", "small"):
        (folder / f"{name}.yaml").touch()
    return tmp_path / "conf"


def test_own_keys_overrides_and_grids_are_told_apart() -> None:
    arguments = ["seeds=0,1", "optim.lr=0.1", "grid.model.width=8,16", "--help", "jobs=2", "data.name=a=b"]
    assert split_arguments(arguments, ["seeds", "jobs"]) == (
        ["seeds=0,1", "--help", "jobs=2"],
        ["optim.lr=0.1", "data.name=a=b"],
        {"model.width": ["8", "16"]},
    )


def test_every_combination_of_the_grids() -> None:
    assert Request([0]).points() == [[]]
    points = Request([0], grids={"lr": ["1", "2"], "width": ["8"]}).points()
    assert points == [["lr=1", "width=8"], ["lr=2", "width=8"]]


def test_debug_is_left_out_unless_asked_for(conf: Path) -> None:
    assert experiment_names(conf) == ["debug", "large", "small"]
    assert chosen(Request([0]), conf) == (["large", "small"], list(BASELINES))
    assert chosen(Request([0], baselines=False), conf) == (["large", "small"], [])
    assert chosen(Request([0], only=["debug", "svm"]), conf) == (["debug"], ["svm"])


def test_experiments_in_folders_run_when_they_are_named(conf: Path) -> None:
    (conf / "experiment/photos").mkdir()
    (conf / "experiment/photos/quick.yaml").touch()
    assert experiment_names(conf) == ["debug", "large", "small", "photos/quick"]
    assert chosen(Request([0], baselines=False), conf) == (["large", "small"], [])
    assert chosen(Request([0], only=["photos/quick"]), conf) == (["photos/quick"], [])


def data_of(names: list[str], overrides: list[str]) -> str:
    request = Request([0], overrides=overrides)
    return plan.data_name(request, plan.training_runs(request, names))


def test_a_stage_has_the_data_set_of_its_experiments() -> None:
    assert data_of([], []) == "digits"
    assert data_of([], ["data.name=flowers"]) == "flowers"
    assert data_of(["cifar10/speed", "cifar10/accurate"], []) == "cifar10"
    assert data_of(["default", "cifar10/speed"], ["data.name=flowers"]) == "flowers"
    with pytest.raises(KedjaError, match="different data sets: cifar10, digits"):
        data_of(["default", "cifar10/speed"], [])


def test_first_seeds_come_first() -> None:
    runs = plan.training_runs(Request([0, 1], grids={"epochs": ["1", "2"]}), ["plain"])
    assert [run.name for run in runs] == [
        "plain epochs=1 seed=0",
        "plain epochs=2 seed=0",
        "plain epochs=1 seed=1",
        "plain epochs=2 seed=1",
    ]
    assert [(run.config.epochs, run.config.seed) for run in runs] == [(1, 0), (2, 0), (1, 1), (2, 1)]


def test_an_unknown_name_gets_its_nearest(conf: Path) -> None:
    with pytest.raises(KedjaError, match="did you mean 'small'"):
        chosen(Request([0], only=["smal"]), conf)


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that lists two GPUs."""
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-a)'\necho 'GPU 1: NVIDIA H200 (UUID: GPU-b)'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("two_gpus")
def test_one_run_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.default_jobs() == 2
    assert plan.default_jobs(["device=cpu"]) == available()
    assert [place["CUDA_VISIBLE_DEVICES"] for place in one_gpu_each(3)] == ["0", "1", "0"]
    assert not warm.possible()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert one_gpu_each(2) == [{}, {}]


def test_without_gpus_one_run_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert plan.default_jobs() == available() >= 1
    assert one_gpu_each(2) == [{}, {}]


def test_a_task_is_finished_when_all_its_runs_are(tmp_path: Path) -> None:
    task = Task("two", [tmp_path / "a", tmp_path / "b"], [], tmp_path / "log")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "summary.json").write_text("{}")
    assert unfinished([task]) == [task]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "summary.json").write_text("{}")
    assert unfinished([task]) == []
