"""What is said first: the figure, the decision, how sure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.report.headline import Headline, headline, markdown, of_hundred
from kedja.runs.read import find_experiments

MakeRun = Callable[..., Path]


def evaluation(right: float, low: float, high: float, split: str = "test") -> dict[str, Any]:
    classes = [{"name": "a", "support": 60, "recall": 1.0}, {"name": "b", "support": 40, "recall": 0.925}]
    return {"split": split, "images": 100, "accuracy": {"value": right, "low": low, "high": high}, "classes": classes}


def told(runs: Path, found: dict[str, Any] | None) -> Headline:
    results = compare(find_experiments(runs))
    return headline(results, results[0].experiment.first, found)


def test_a_good_model_is_to_be_used(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("large", wrong=[1])
    make_run("small", wrong=[1, 2])
    said = told(tmp_path / "runs", evaluation(0.97, 0.92, 0.99))
    assert (said.figure, said.decision, said.use) == ("97 of 100", "Use this model: large, seed 0.", True)
    reasons = " ".join(said.reasons)
    assert "97.00 % of 100 images of the test split" in reasons
    assert "interval 92.00 to 99.00" in reasons
    assert "Weakest class: “b”, 37 of 40 right." in reasons
    assert "As good, as far as these images tell: small." in reasons
    assert said.following.startswith("just export run=")
    assert markdown(said).startswith("**97 of 100 right. Use this model: large, seed 0.**")


def test_a_model_that_guesses_is_not(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("large")
    said = told(tmp_path / "runs", evaluation(0.65, 0.55, 0.74, "validation"))
    assert not said.use
    reasons = " ".join(said.reasons)
    assert "Always answering “a” would be right for 60 of 100." in reasons
    assert "a little too good" in reasons
    assert "That is wide" in reasons


def test_while_runs_go_on_nothing_is_decided(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("large", wrong=[1])
    assert told(tmp_path / "runs", None).decision == "So far large is ahead."


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100 of 100"), (0.998, "more than 99 of 100"), (0.97, "97 of 100"), (0.001, "less than 1 of 100")],
)
def test_all_is_said_only_of_all(share: float, words: str) -> None:
    assert of_hundred(share) == words
