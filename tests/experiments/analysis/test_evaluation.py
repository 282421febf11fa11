import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.experiments.analysis.evaluation import area_under_roc, class_figures, confident_mistakes, confusion, evaluate
from kedja.experiments.analysis.statistics import Interval
from kedja.runs.read import Predictions

CLASSES = ["cat", "dog", "bird"]


def predictions(images: int = 300, classes: int = 3, skill: float = 1.5, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    logits = generator.normal(0, 1, (images, classes)) + skill * np.eye(classes)[labels]
    return Predictions(np.array([f"i{k:04d}" for k in range(images)]), labels, logits.astype(np.float32))


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import log_loss, precision_recall_fscore_support, roc_auc_score

    one = predictions()
    predicted = one.logits.argmax(axis=1)
    expected = precision_recall_fscore_support(one.labels, predicted)
    figures = class_figures(one, CLASSES)
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [getattr(figure, name) for figure in figures] == pytest.approx(list(column))
    result = evaluate(one, CLASSES)
    areas = roc_auc_score(one.labels, one.probabilities, multi_class="ovr", average=None)
    assert [figure.auc for figure in figures] == pytest.approx(list(areas))
    assert result.macro_auc == pytest.approx(areas.mean())
    assert result.loss == pytest.approx(log_loss(one.labels, one.probabilities))
    assert result.macro_f1.value == pytest.approx(expected[2].mean())
    assert result.macro_f1.low < result.macro_f1.value < result.macro_f1.high
    assert result.accuracy.value == pytest.approx((predicted == one.labels).mean())


def test_figures_of_nearest_means_on_the_digits_are_what_they_were() -> None:
    """Recorded when all of them were computed by formulas of this project's own."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels, labels = digits.data, digits.target.astype(np.int64)
    means = np.stack([pixels[:900][labels[:900] == k].mean(axis=0) for k in range(10)])
    logits = -((pixels[900:, None] - means) ** 2).sum(axis=2) / 100
    ids = np.array([str(k) for k in range(900, len(pixels))])
    result = evaluate(Predictions(ids, labels[900:], logits.astype(np.float32)), [str(k) for k in range(10)])
    assert result.images == 897
    assert result.accuracy == Interval(0.875139353400223, 0.8518942963345874, 0.8951849964868542)
    assert result.macro_f1 == Interval(0.8755064058438975, 0.8551205538272137, 0.8957775732226255)
    assert result.macro_auc == pytest.approx(0.9863590064217128, rel=1e-12)
    assert result.loss == pytest.approx(0.48517667518922947, rel=1e-6)
    assert result.brier == pytest.approx(0.19801037926067375, rel=1e-6)
    nine = result.classes[9]
    assert (nine.support, nine.auc) == (92, pytest.approx(0.9671482581690521, rel=1e-12))
    assert (nine.precision, nine.recall, nine.f1) == (0.680327868852459, 0.9021739130434783, 0.7757009345794392)


def test_a_class_that_never_occurs() -> None:
    labels = np.array([0, 0, 1, 1])
    one = Predictions(np.array(list("abcd")), labels, (5 * np.eye(3)[labels]).astype(np.float32))
    absent = class_figures(one, CLASSES)[2]
    assert (absent.support, absent.precision, absent.recall, absent.auc) == (0, 0.0, 0.0, None)
    assert evaluate(one, CLASSES).macro_f1.value == 1.0


def test_confident_mistakes_come_worst_first() -> None:
    logits = np.array([[0, 1, 0], [0, 5, 0], [9, 0, 0], [0, 0, 3]], np.float32)
    found = confident_mistakes(Predictions(np.array(list("abcd")), np.array([0, 0, 0, 1]), logits), CLASSES, 2)
    assert [(one.id, one.true, one.predicted) for one in found] == [("b", "cat", "dog"), ("d", "dog", "bird")]
    assert found[0].probability > found[1].probability > found[1].true_probability


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_area_counts_pairs(pairs: list[tuple[bool, int]]) -> None:
    positive, score = np.array([p for p, _ in pairs]), np.array([s for _, s in pairs], float)
    wins = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert area_under_roc(positive, score) == (pytest.approx(np.mean(wins)) if wins else None)


def test_confusion_counts() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
