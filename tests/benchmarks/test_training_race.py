import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kedja.data.preparation.prepare import prepare
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support.pictures import write_pictures

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def race(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import training_race

    return training_race


def test_what_counts_is_the_first_epoch_that_is_as_good(race):
    run = race.Result("kedja", 1.0, 30.0, 60.0, [(10.0, 0.4), (20.0, 0.6), (30.0, 0.5)])
    assert (run.reaches(0.4), run.reaches(0.45), run.reaches(0.61)) == (10.0, 20.0, None)
    assert run.accuracy == 0.5


def test_the_table_gives_ratios_and_says_what_was_not_reached(race, capsys):
    peers = [
        race.Result("slow", 1.0, 100.0, 200.0, [(100.0, 0.5)]),
        race.Result("quick", 1.0, 30.0, 60.0, [(30.0, 0.5)]),
        race.Result("better", 1.0, 30.0, 60.0, [(30.0, 0.9)]),
    ]
    race.print_results(peers, [race.Result("kedja speed", 1.0, 40.0, 80.0, [(20.0, 0.5), (40.0, 0.7)])])
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert "20.0 s (kedja speed), ratio 0.20, goal reached" in lines[0]
    assert "ratio 0.67, goal missed" in lines[1]
    assert "not reached" in lines[2]


def test_a_finished_contestant_is_not_run_again(race, tmp_path):
    found = race.Result("kedja speed", 1.0, 2.0, 3.0, [(2.0, 0.5)])
    runs = []

    def run():
        runs.append(1)
        return found

    assert race._kept(tmp_path, "kedja speed", run) == race._kept(tmp_path, "kedja speed", run) == found
    assert runs == [1]


def test_a_peer_trains_on_the_prepared_images_and_writes_its_journal(tmp_path):
    settings = Settings(source=str(write_pictures(tmp_path / "s", {str(c): 8 for c in range(10)}, size=(32, 32))))
    prepare(open_source(settings, tmp_path / ".work"), tmp_path / "data", settings)
    command = [sys.executable, BENCHMARKS / "training_peers/pytorch_tutorial.py", tmp_path / "data"]
    subprocess.run([*command, tmp_path / "journal.jsonl", str(time.time())], check=True)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert 0 < lines[0]["seconds"] < lines[1]["seconds"]
    assert all(0 <= line["accuracy"] <= 1 and line["start_up"] > 0 for line in lines)
