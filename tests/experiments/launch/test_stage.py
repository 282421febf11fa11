"""The whole stage for real: scripts, processes, torch, digits; then the report on what came out."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kedja.baselines.registry import directory
from kedja.data.prepared import load
from kedja.runs.read import USED_LAST
from support.processes import gone, wait_for

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
SMALL = ["only=debug,logistic-regression", "seeds=0,1", "epochs=1"]


def script(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small stage has run."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "data").symlink_to(prepared / "data", target_is_directory=True)
    done = script("experiments.py", *SMALL, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("done ") == 3
    return folder


def test_every_run_is_there(finished: Path) -> None:
    summaries = [json.loads(path.read_text()) for path in sorted(finished.glob("runs/*/seed*/summary.json"))]
    assert [(one["experiment"], one["seed"]) for one in summaries] == [
        ("baseline-logistic-regression", 0),
        ("debug", 0),
        ("debug", 1),
    ]
    assert {one["epochs"] for one in summaries} == {0, 1}


def changed_when(folder: Path) -> dict[Path, int]:
    """Of all files but the mark that says which data set was used last."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != USED_LAST)
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_second_time_starts_nothing(finished: Path) -> None:
    before = changed_when(finished)
    code = (
        "import sys, subprocess; subprocess.Popen = None; from kedja.experiments.__main__ import run; "
        f"sys.argv = ['experiments', *{SMALL!r}]\n"
        "try: run()\n"
        "except SystemExit as error: assert not error.code\n"
        "assert not {'torch', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=finished, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "all runs are finished" in done.stdout
    assert changed_when(finished) == before


def test_the_report_evaluates_the_selected_run_once(finished: Path) -> None:
    first = script("report.py", folder=finished)
    assert first.returncode == 0, first.stderr
    selection = json.loads((finished / "reports/selection.json").read_text())
    run = finished / selection["run"]
    evaluated = [path.parent for path in finished.glob("runs/*/seed*/test.json")]
    assert evaluated == [run]
    assert 0.2 < selection["test"]["accuracy"]["value"] <= 1.0
    evaluation = json.loads((run / "evaluation-test.json").read_text())
    assert {one["corruption"] for one in evaluation["robustness"]} == {
        "noise",
        "blur",
        "jpeg",
        "brightness",
        "contrast",
    }
    stamp = (run / "test.npz").stat().st_mtime_ns
    page = (finished / "reports/report.html").read_bytes()
    assert script("report.py", folder=finished).returncode == 0
    assert (run / "test.npz").stat().st_mtime_ns == stamp
    assert (finished / "reports/report.html").read_bytes() == page


def test_folds_run_once_are_reported_and_keep_out_of_the_selection(workplace: Path) -> None:
    asked = ["only=debug,logistic-regression", "seeds=0", "epochs=1", "cv=2"]
    done = script("experiments.py", *asked, folder=workplace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Over 2 folds baseline-logistic-regression has the highest mean accuracy" in done.stdout
    assert "all runs are finished" in script("experiments.py", *asked, folder=workplace).stdout
    summaries = [json.loads(path.read_text()) for path in workplace.glob("runs/*/seed0/summary.json")]
    folds = {
        (one["experiment"], one["subset"]["fold"]): one["subset"]["family"] for one in summaries if "subset" in one
    }
    names = ("debug", "baseline-logistic-regression")
    assert set(folds) == {(name, fold) for name in names for fold in (0, 1)}
    whole = {one["experiment"]: one["config_hash"] for one in summaries if "subset" not in one}
    assert {name: folds[name, 0] for name in names} == {name: folds[name, 1] for name in names} == whole
    dataset = load(workplace / "data/digits")
    answers = {
        (path.parent.parent.name.rpartition("-")[0], path.parent): np.load(path)["ids"]
        for path in workplace.glob("runs/*/seed0/validation.npz")
        if "subset" in json.loads((path.parent / "summary.json").read_text())
    }
    for name in names:
        first, second = (set(ids) for (experiment, _), ids in answers.items() if experiment == name)
        assert not first & second
        assert len(first | second) == len(dataset) - len(dataset.split("test"))
    assert script("report.py", folder=workplace).returncode == 0
    selected = workplace / json.loads((workplace / "reports/selection.json").read_text())["run"]
    assert "subset" not in json.loads((selected / "summary.json").read_text())
    assert "## Cross-validation" in (workplace / "reports/report.md").read_text()
    assert len(json.loads((workplace / "reports/cross-validation.json").read_text())) == 2


def test_a_run_is_reproduced_to_the_bit(finished: Path) -> None:
    (run,) = finished.glob("runs/debug-*/seed0")
    done = script("reproduce.py", f"run={run.relative_to(finished)}", folder=finished)
    assert done.returncode == 0, done.stderr
    for name in ("data", "lock", "packages", "processor", "device"):
        assert re.search(rf"^{name} +same$", done.stdout, re.MULTILINE)
    assert "bit-identical" in done.stdout


def test_a_failed_run_is_reported_at_the_end(workplace: Path) -> None:
    """Where one run's folder belongs stands a file: it cannot be written, the other does not care."""
    dataset = load(workplace / "data/digits")
    blocked = directory(Path("runs"), "logistic-regression", dataset.name, dataset.hash, 0)
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    done = script("experiments.py", "only=logistic-regression,svm", folder=workplace)
    assert done.returncode == 1
    assert "1 of 2 failed" in done.stderr
    assert "logistic-regression: status 1" in done.stderr
    assert "baseline-svm" in done.stdout


WRONG = [
    ("only=debgu", "'debug'"),
    ("epchs=3", "'epochs'"),
    ("seeds=a", "whole"),
    ("cv=1", "cannot train and validate"),
]


@pytest.mark.parametrize(("argument", "said"), WRONG)
def test_a_wrong_key_names_the_nearest(workplace: Path, argument: str, said: str) -> None:
    done = script("experiments.py", argument, folder=workplace)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def long_stage(workplace: Path) -> Iterator["subprocess.Popen[str]"]:
    """A stage whose only run trains for a very long time; it has begun to train."""
    command = [sys.executable, str(SCRIPTS / "experiments.py"), "only=debug", "seeds=0", "epochs=100000"]
    process = subprocess.Popen(command, cwd=workplace, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_for(lambda: any(workplace.glob("runs/*/seed0/metrics.jsonl")), 60)
    yield process
    process.kill()
    process.communicate(timeout=60)


def test_sigterm_stops_the_stage_and_its_runs(long_stage: "subprocess.Popen[str]", workplace: Path) -> None:
    trainings = children_of(long_stage.pid)
    assert trainings
    long_stage.send_signal(signal.SIGTERM)
    assert long_stage.wait(60) == 130
    assert all(gone(pid) for pid in trainings)
    assert not any(workplace.glob("runs/*/seed0/summary.json"))


def children_of(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
