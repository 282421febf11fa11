from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.report.analysis import sentences
from kedja.runs.read import find_experiments, read_run
from kedja.runs.write import write_summary

MakeRun = Callable[..., Path]


def analysis(runs: Path) -> str:
    results = compare(find_experiments(runs))
    return " ".join(sentences(results, results[0].experiment.first, None))


def give_energy(run: Path, joules: dict[str, float], **unreadable: str) -> None:
    write_summary(replace(read_run(run), energy={"joules": joules, "unreadable": unreadable}))


def test_energy_is_said_where_all_runs_of_an_experiment_counted_it(make_run: MakeRun, tmp_path: Path) -> None:
    for seed, joules in enumerate((1000.0, 2000.0)):
        give_energy(make_run("a", seed=seed), {"cpu": joules, "gpu": 30 * joules})
    give_energy(make_run("b", wrong=[1, 2, 3], seed=0), {"cpu": 500.0}, gpu="gone")
    give_energy(make_run("b", wrong=[1, 2, 3], seed=1), {})
    said = analysis(tmp_path / "runs")
    assert "Energy a run, with whatever else the hardware did meanwhile: a 1500 J (CPU) and 45.0 kJ (GPU)." in said


def test_why_energy_is_not_readable_is_said_once(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (0, 1):
        give_energy(make_run("a", seed=seed), {}, cpu="this machine shows no RAPL counters")
    assert analysis(tmp_path / "runs").count("Energy is not readable here: this machine shows no RAPL counters.") == 1


def test_runs_of_earlier_versions_say_nothing_of_energy(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a")
    assert "nergy" not in analysis(tmp_path / "runs")
