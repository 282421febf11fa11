"""Which run is the best one, by validation accuracy alone, and its final figures on the test split."""

from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json
from kedja.common.intervals import wilson
from kedja.frameworks.evaluate import evaluate
from kedja.frameworks.registry import find
from kedja.runs.folder import TEST
from kedja.runs.read import Experiment, Run, find_experiments
from kedja.runs.scores import score
from kedja.runs.write import write_answers


def best_run(runs: Path, data: str | None = None) -> Path:
    """The folder of the best run under `runs/`: best mean validation accuracy over seeds, then its best seed.

    Ties go to the lower mean validation loss. Baselines compete in the table, not here: what is exported is a
    network. The test split is never looked at.

    Raises:
        KedjaError: no finished training run.
    """
    return best_of(find_experiments(runs, data), runs).directory


def best_of(experiments: list[Experiment], runs: Path) -> Run:
    """`best_run` of experiments already read, best first."""
    trained = [one for one in experiments if not find(one.framework).is_baseline]
    if not trained:
        raise KedjaError(f"{runs}/ holds baselines only", "train a network with `just experiments`")
    return best_seed(trained[0])


def best_seed(experiment: Experiment) -> Run:
    """Highest validation accuracy, then lowest loss, then lowest seed."""
    return min(experiment.runs, key=lambda run: (-run.validation["accuracy"], run.validation["loss"], run.seed))


def test_figures(run: Path) -> dict[str, Any]:
    """The run's figures on the test split: computed on the first call, stored in the run, read afterwards.

    Returns:
        ``{"split", "images", "accuracy": {"value", "low", "high"}, "loss"}``; `test.npz` beside it
        holds `ids`, `labels`, `logits`.

    Raises:
        KedjaError: the run is unfinished, or its data set is missing.
    """
    if (run / TEST).is_file():
        figures: dict[str, Any] = read_json(run / TEST)
        return figures
    predictions = evaluate(run, "test")
    if not len(predictions.labels):
        raise KedjaError(f"{run}: its data set has no test split", "its validation figures are all there is")
    write_answers(run, "test", predictions.ids.tolist(), predictions.labels, predictions.logits)
    low, high = wilson(int(predictions.correct.sum()), len(predictions.labels))
    reached = score(predictions.logits, predictions.labels)
    figures = {
        "split": "test",
        "images": len(predictions.labels),
        "accuracy": {"value": reached["accuracy"], "low": low, "high": high},
        "loss": reached["loss"],
    }
    write_json(run / TEST, figures)
    return figures
