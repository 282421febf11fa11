import numpy as np
import pytest

from kedja.baselines import registry as baselines
from kedja.baselines.fit import Examples, count_parameters, search
from kedja.baselines.pipeline import logits as logits_of
from kedja.common.errors import KedjaError
from kedja.runs.scores import softmax


@pytest.fixture(scope="module")
def digits() -> tuple[Examples, Examples]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    split = train_test_split(x / 16, y, test_size=0.5, stratify=y, random_state=0)
    return Examples(split[0], split[2]), Examples(split[1], split[3])


@pytest.mark.parametrize(("name", "least"), [("logistic-regression", 0.94), ("random-forest", 0.92), ("svm", 0.97)])
def test_each_baseline_learns_real_digits(name: str, least: float, digits: tuple[Examples, Examples]) -> None:
    train, validation = digits
    fitted = search(baselines.find(name), 0, 10, train, validation)
    assert fitted.validation["accuracy"] > least
    assert fitted.train["accuracy"] >= fitted.validation["accuracy"]
    assert fitted.point in baselines.find(name).points()
    assert softmax(fitted.logits) == pytest.approx(fitted.pipeline.predict_proba(validation.x), abs=1e-4)
    assert count_parameters(fitted.pipeline) > 100


def test_the_best_point_on_validation_is_kept(digits: tuple[Examples, Examples]) -> None:
    train, validation = digits
    only = baselines.Baseline(baselines.logistic_regression, {"C": [1e-6, 0.1, 1e-5]})
    assert search(only, 0, 10, train, validation).point == {"C": 0.1}


def test_a_seeded_baseline_depends_on_its_seed_alone(digits: tuple[Examples, Examples]) -> None:
    train, validation = digits
    small = baselines.Baseline(baselines.random_forest, {"variance": [0.8], "min_samples_leaf": [3]}, seeded=True)
    first, again, other = (search(small, seed, 10, train, validation).logits for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert baselines.seeds_of("random-forest", [3, 4]) == [3, 4]
    assert baselines.seeds_of("svm", [3, 4]) == [3]


def test_a_class_without_training_images_is_never_predicted(digits: tuple[Examples, Examples]) -> None:
    train, validation = digits
    known = train.y != 4
    pipeline = baselines.logistic_regression(seed=0, C=0.1).fit(train.x[known], train.y[known])
    logits = logits_of(pipeline, validation.x, 10)
    assert logits.shape == (len(validation.y), 10)
    assert 4 not in logits.argmax(axis=1)


def test_the_folder_names_the_configuration() -> None:
    from pathlib import Path

    one = baselines.directory(Path("runs"), "svm", "digits", "abc", 0)
    assert one == baselines.directory(Path("runs"), "svm", "digits", "abc", 0)
    assert one.parent.name.startswith("baseline-svm-")
    assert one != baselines.directory(Path("runs"), "svm", "digits", "changed", 0)


def test_an_unknown_baseline_gets_its_nearest() -> None:
    with pytest.raises(KedjaError, match="did you mean 'svm'"):
        baselines.find("svn")
