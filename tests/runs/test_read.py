import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.housekeeping import listing
from kedja.runs.read import (
    chosen_data,
    find_experiments,
    find_runs,
    find_tries,
    read_metrics,
    read_run,
    remember,
    runs_on_other_data,
)
from kedja.runs.scores import softmax

MakeRun = Callable[..., Path]


def test_runs_are_grouped_by_configuration_best_first(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (1, 0):
        make_run("small", seed=seed, wrong=[1, 2, 3])
        make_run("large", seed=seed, wrong=[1])
        make_run("large", config_hash="11111111", seed=seed, wrong=[1, 2])
    found = find_experiments(tmp_path / "runs")
    assert [(one.name, one.config_hash, [run.seed for run in one.runs]) for one in found] == [
        ("large", "00000000", [0, 1]),
        ("large", "11111111", [0, 1]),
        ("small", "00000000", [0, 1]),
    ]
    assert found[0].correct().shape == (2, 200)
    assert found[0].mean_accuracy == found[0].correct().mean()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty or damaged: the run counts as unfinished"),
        (bytes(2000), "is empty or damaged: the run counts as unfinished"),
        (b'{"framework": "torch", "exper', "is empty or damaged: the run counts as unfinished"),
        (b"[]", "is empty or damaged: the run counts as unfinished"),
        (b"{}", "is damaged: it lacks 'kind'"),
        (b'{"validation": "good"}', "is damaged: validation is not an object"),
        (b'{"validation": {"accuracy": 0.9}}', "is damaged: it lacks 'loss'"),
        (b'{"data": {"name": "shapes"}}', "is damaged: it lacks 'hash'"),
        (b'{"wall_seconds": "long"}', "is damaged: wall_seconds is not a finite number"),
    ],
)
def test_a_damaged_summary_is_named_and_blocks_nothing(content, says, make_run: MakeRun, tmp_path: Path, capfd) -> None:
    make_run("small")
    summary = make_run("broken") / "summary.json"
    if content.startswith(b'{"') and content.endswith(b"}"):
        content = json.dumps(json.loads(summary.read_text()) | json.loads(content)).encode()
    summary.write_bytes(content)
    assert [run.experiment for run in find_runs(tmp_path / "runs")] == ["small"]
    said = "".join(capfd.readouterr())
    assert f"{summary} {says}" in said
    assert "run its training again" in said
    assert listing(tmp_path / "runs")[0][0] == "small-00000000/seed0"
    assert capfd.readouterr().err == "", "once is enough"
    with pytest.raises(KedjaError, match="damaged"):
        read_run(summary.parent)


def test_unfinished_runs_do_not_count(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("small")
    (make_run("broken") / "summary.json").unlink()
    assert [run.experiment for run in find_runs(tmp_path / "runs")] == ["small"]
    with pytest.raises(KedjaError, match="no finished run"):
        read_run(tmp_path / "runs" / "broken-00000000" / "seed0")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(KedjaError, match="just experiments"):
        find_experiments(tmp_path / "runs")


def test_debug_counts_only_where_it_is_alone(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("debug")
    make_run("baseline-svm", framework="sklearn", wrong=[1, 2])
    assert [one.name for one in find_experiments(tmp_path / "runs")] == ["debug", "baseline-svm"]
    make_run("small", wrong=[1])
    assert [one.name for one in find_experiments(tmp_path / "runs")] == ["small", "baseline-svm"]


def test_what_ran_with_fewer_seeds_is_a_try(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (0, 1):
        make_run("large", seed=seed, wrong=[1])
    tried = make_run("large", config_hash="11111111")
    make_run("small")  # the only one of its name
    assert [(one.name, len(one.runs)) for one in find_experiments(tmp_path / "runs")] == [("small", 1), ("large", 2)]
    (only,) = find_tries(tmp_path / "runs")
    assert only.first.directory == tried


def test_the_short_form_of_a_run_is_a_try(make_run: MakeRun, tmp_path: Path) -> None:
    short = make_run("small", config_hash="1", hyperparameters={"epochs": 3, "lr": 0.1})
    make_run("small", config_hash="2", hyperparameters={"epochs": 12, "lr": 0.1}, wrong=[1])
    make_run("small", config_hash="3", hyperparameters={"epochs": 3, "lr": 0.2}, wrong=[1, 2])
    (only,) = find_tries(tmp_path / "runs")
    assert only.first.directory == short


def test_of_several_data_sets_the_one_used_last_is_compared_and_said(make_run: MakeRun, tmp_path: Path) -> None:
    os.utime(make_run("small", data="digits") / "summary.json", (1, 1))
    make_run("large", data="flowers")
    said: list[str] = []
    assert chosen_data(tmp_path / "runs", None, said.append) == "flowers"
    assert said == ["data set flowers, used last (others have runs too: data=digits)"]
    assert [one.name for one in find_experiments(tmp_path / "runs")] == ["large"]
    assert chosen_data(tmp_path / "runs", "digits", said.append) == "digits"
    assert chosen_data(tmp_path / "elsewhere", None, said.append) is None
    assert len(said) == 1
    remember(tmp_path / "runs", "digits")
    assert chosen_data(tmp_path / "runs", None, said.append) == "digits"
    os.utime(tmp_path / "runs" / "data-set-used-last", (2, 2))  # and then a run on flowers ended
    assert chosen_data(tmp_path / "runs", None, said.append) == "flowers"
    assert [one.name for one in find_experiments(tmp_path / "runs", "flowers")] == ["large"]
    with pytest.raises(KedjaError, match="'birds'"):
        find_experiments(tmp_path / "runs", "birds")


def test_runs_on_older_data_are_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    old = make_run("small", data_hash="old")
    make_run("small", seed=1, data_hash="new")
    os.utime(old / "summary.json", (1, 1))
    (experiment,) = find_experiments(tmp_path / "runs")
    assert [run.seed for run in experiment.runs] == [1]
    assert [run.directory for run in runs_on_other_data(tmp_path / "runs")] == [old]


def test_the_report_warns_of_runs_that_saw_other_data(make_run: MakeRun, tmp_path: Path) -> None:
    old = make_run("small", data_hash="old")
    make_run("small", seed=1, data_hash="new")
    os.utime(old / "summary.json", (1, 1))
    code = (
        "from pathlib import Path; from kedja.experiments.report import __main__ as report;"
        "report.warn_of_other_data(report.Options(runs=Path('runs')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 runs saw the data set in an earlier form" in done.stderr
    assert "small" in done.stderr


def test_damage_is_named(make_run: MakeRun) -> None:
    folder = make_run("small")
    (folder / "validation.npz").write_bytes(b"nothing")
    with pytest.raises(KedjaError, match=r"validation\.npz"):
        read_run(folder).predictions()
    (folder / "summary.json").write_text(json.dumps({"kind": "training"}))
    with pytest.raises(KedjaError, match="damaged"):
        read_run(folder)
    (folder / "summary.json").write_text(json.dumps({"kind": "alchemy"}))
    with pytest.raises(KedjaError, match="damaged"):
        read_run(folder)


@pytest.mark.parametrize(("kind", "framework"), [("training", "torch"), ("baseline", "sklearn")])
def test_runs_of_version_1_are_read(make_run: MakeRun, kind: str, framework: str) -> None:
    folder = make_run("small")
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["schema_version"], summary.pop("framework")) == (2, "torch")
    (folder / "summary.json").write_text(json.dumps({**summary, "schema_version": 1, "kind": kind}))
    assert read_run(folder).framework == framework


def test_predictions_come_in_the_order_of_the_ids(make_run: MakeRun) -> None:
    folder = make_run("small", wrong=[7])
    with np.load(folder / "validation.npz") as arrays:
        mixed = np.random.default_rng(0).permutation(len(arrays["ids"]))
        np.savez(folder / "validation.npz", **{name: arrays[name][mixed] for name in arrays.files})
    predictions = read_run(folder).predictions()
    assert list(predictions.ids) == sorted(predictions.ids)
    assert np.flatnonzero(~predictions.correct).tolist() == [7]
    assert predictions.probabilities.sum(axis=1) == pytest.approx(1.0)


def test_a_half_written_line_is_left_out(make_run: MakeRun) -> None:
    folder = make_run("small", epochs=3)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "val_')
    assert [line["epoch"] for line in read_metrics(folder)] == [1, 2, 3]


def test_softmax_of_large_logits() -> None:
    assert softmax(np.array([[1e4, 1e4, -1e4]], np.float32)).tolist() == [[0.5, 0.5, 0.0]]
