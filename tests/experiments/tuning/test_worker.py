"""Workers of one study as real processes, on SQLite and on a real PostgreSQL server; one of them is killed."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.tuning import study
from support import postgres
from support.processes import wait_for

SUPPORT = Path(__file__).resolve().parents[2] / "support"
TRIALS = 10
StartWorker = Callable[..., "subprocess.Popen[bytes]"]
# Nine epochs in nine seconds, none cut short: what a test does to a running trial happens while it runs.
SLOW = {"KEDJA_EPOCH_SECONDS": "1", "KEDJA_NO_PRUNING": "1"}


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
        return
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    # Its socket's path must be short, and its user must reach the folder: not below pytest's.
    folder = Path(tempfile.mkdtemp(prefix="kedja-"))
    try:
        with postgres.server(folder) as address:
            yield address
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def place(workplace: Path) -> Path:
    return workplace


@pytest.fixture
def worker(place: Path) -> Iterator[StartWorker]:
    """`worker(storage, "first.log", trials=2)` starts one; none outlives the test."""
    started = []

    def start(storage: str, log: str, trials: int = TRIALS, **variables: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "KEDJA_EPOCH_SECONDS": "0.2", **variables}
        command = [sys.executable, str(SUPPORT / "tune_worker.py"), storage, "shared", str(trials), "accuracy"]
        with (place / log).open("wb") as file:
            process = subprocess.Popen(command, cwd=place, env=environment, stdout=file, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(60)


def has_an_epoch(place: Path, trial: str) -> bool:
    return any(path.stat().st_size for path in place.glob(f"runs/tune/shared/{trial}/*/seed0/metrics.jsonl"))


def stop_outside_transactions(process: "subprocess.Popen[bytes]", database: Path) -> None:
    """SIGSTOP at a moment at which the process holds no lock of the SQLite file: it would hold it while it sleeps."""

    def stopped() -> bool:
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                return False
        return True

    assert wait_for(stopped, 60)


def trials_of(storage: str) -> list[optuna.trial.FrozenTrial]:
    database = optuna.storages.RDBStorage(storage)
    try:
        return optuna.load_study(study_name="shared", storage=database).trials
    finally:
        database.engine.dispose()


@pytest.mark.slow
def test_no_trial_is_lost_and_none_counted_twice(storage: str, place: Path, worker: StartWorker) -> None:
    workers = [worker(storage, f"worker{k}.log") for k in range(3)]
    victim = workers[0]
    assert wait_for(lambda: "starts" in (place / "worker0.log").read_text(), 60), (place / "worker0.log").read_text()
    begun = (place / "worker0.log").read_text().split("trial ")[1].split()[0]
    assert wait_for(lambda: has_an_epoch(place, f"trial-{begun}"), 60)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(60)
    for number in (1, 2):
        assert workers[number].wait(120) == 0, (place / f"worker{number}.log").read_text()
    trials = trials_of(storage)
    states = Counter(one.state.name for one in trials)
    assert states["COMPLETE"] + states["PRUNED"] == TRIALS
    assert states["RUNNING"] == states["WAITING"] == 0
    ended = [one for one in trials if one.state.name in ("COMPLETE", "PRUNED")]
    lost = [one for one in trials if one.state.name == "FAIL" and one.params]
    folders = Counter(one.user_attrs["folder"] for one in ended)
    assert set(folders.values()) == {1}
    taken_over = [one for one in lost if one.user_attrs.get("folder") == f"trial-{begun}"]
    assert taken_over
    (again,) = [one for one in ended if one.user_attrs["folder"] == f"trial-{begun}"]
    assert again.params == taken_over[0].params
    assert states["PRUNED"] > 0
    best = max((one for one in ended if one.values), key=lambda one: one.values[0])
    assert abs(best.values[0] - 1) < 0.5


@pytest.mark.slow
def test_a_worker_that_stood_still_lets_go_of_what_another_took_over(place: Path, worker: StartWorker) -> None:
    storage = f"sqlite:///{place}/study.db"
    sleeper = worker(storage, "sleeper.log", trials=2, **SLOW)
    assert wait_for(lambda: (place / "sleeper.log").read_text().count("starts") == 2, 60)
    stop_outside_transactions(sleeper, place / "study.db")
    other = worker(storage, "other.log", trials=2)
    assert wait_for(lambda: (place / "other.log").read_text().count("starts") == 2, 60)
    sleeper.send_signal(signal.SIGCONT)
    assert (sleeper.wait(60), other.wait(60)) == (0, 0)
    assert (place / "sleeper.log").read_text().count("was taken over by another worker") == 2
    trials = trials_of(storage)
    # The sleeper's trainings did not sleep, so that for a moment two wrote to one folder, and one may have failed.
    ended = [one for one in trials if one.state.name != "FAIL" or study.TRAINING_FAILED in one.user_attrs]
    assert (len(ended), len(trials)) == (2, 4)
    assert all(one.state.is_finished() for one in trials)


def test_an_interrupted_worker_gives_its_trials_back(place: Path, worker: StartWorker) -> None:
    storage = f"sqlite:///{place}/study.db"
    first = worker(storage, "first.log", trials=2, **SLOW)
    assert wait_for(lambda: has_an_epoch(place, "trial-0") and has_an_epoch(place, "trial-1"), 60)
    first.send_signal(signal.SIGINT)
    assert first.wait(30) != 0
    states = Counter(one.state.name for one in trials_of(storage))
    assert states == {"FAIL": 2, "WAITING": 2}
    assert worker(storage, "second.log", trials=2).wait(60) == 0
    states = Counter(one.state.name for one in trials_of(storage))
    assert states["COMPLETE"] + states["PRUNED"] == 2
    assert "starts after epoch 0" not in (place / "runs/tune/shared/trial-0.log").read_text()


def test_a_training_that_fails_counts_and_is_said(place: Path, worker: StartWorker) -> None:
    (place / "no_luck.py").write_text("def run():\n    raise SystemExit('no such luck')\n")
    path = f"{place}{os.pathsep}{os.environ['PYTHONPATH']}"
    storage = f"sqlite:///{place}/study.db"
    assert worker(storage, "worker.log", trials=2, KEDJA_TRAIN="no_luck", PYTHONPATH=path).wait(60) == 0
    assert [one.state.name for one in trials_of(storage)] == ["FAIL", "FAIL"]
    assert [one.user_attrs["training_failed"] for one in trials_of(storage)] == ["no such luck"] * 2
    assert (place / "worker.log").read_text().count("failed, log") == 2


def test_the_last_place_goes_to_one_worker_only(tmp_path: Path) -> None:
    """Both see a place left, both ask: the database numbers them, and only one keeps its trial."""
    storage = f"sqlite:///{tmp_path}/study.db"
    one, other = (
        study.open_study("race", storage, ["maximize"], pruner=optuna.pruners.NopPruner(), seed=0) for _ in "ab"
    )
    ask = one.ask

    def ask_late() -> optuna.Trial:
        assert study.claim(other, 1) is not None
        return ask()

    one.ask = ask_late
    assert study.claim(one, 1) is None
    assert [trial.state.name for trial in one.trials] == ["RUNNING", "FAIL"]
    assert not study.all_done(one, 1)
    for shared in (one, other):
        shared._storage._backend.engine.dispose()


def test_other_objectives_and_no_database_are_refused(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    pruner = optuna.pruners.NopPruner()
    study.open_study("one", storage, ["maximize"], pruner=pruner, seed=0)._storage._backend.engine.dispose()
    with pytest.raises(KedjaError, match="other objectives"):
        study.open_study("one", storage, ["maximize", "minimize"], pruner=pruner, seed=0)
    with pytest.raises(KedjaError, match="cannot be used"):
        study.open_study("one", f"sqlite:///{tmp_path}/no/such/folder/study.db", ["maximize"], pruner=pruner, seed=0)
