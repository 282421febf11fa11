import numpy as np
import pytest

from kedja.training.probe.linear import NEVER, path, strengths


@pytest.fixture
def examples():
    """Features of three of four classes, apart but for noise; of other sizes and places."""
    drawn = np.random.default_rng(0)
    labels = np.repeat([0, 1, 3], 30)
    features = drawn.normal(size=(90, 5)) + 3 * np.eye(5)[labels]
    return (100 * features + 1000).astype(np.float32), labels


def test_penalties_go_from_strong_to_weak(examples):
    solutions = list(path(*examples, 4, 5))  # type: ignore[call-arg]
    sizes = [float(np.abs(linear.weight).sum()) for linear in solutions]
    assert sizes == sorted(sizes)
    assert strengths(5)[0] < strengths(5)[-1]
    assert (solutions[-1](examples[0]).argmax(1) == examples[1]).mean() > 0.9


def test_it_is_scikit_learns_logistic_regression(examples):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, labels = examples
    [linear] = path(features, labels, 4, 1)
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    theirs = LogisticRegression(C=strengths(1)[0], max_iter=1000).fit(scaled, labels).predict_proba(scaled)
    exponentials = np.exp(linear(features))
    ours = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(ours[:, [0, 1, 3]], theirs, atol=1e-3)


def test_a_class_without_images_never_wins(examples):
    *_, linear = path(*examples, 4, 2)  # type: ignore[call-arg]
    assert linear.bias[2] == NEVER
    assert 2 not in linear(examples[0]).argmax(1)


def test_two_classes(examples):
    features, labels = examples
    two = labels < 2
    *_, linear = path(features[two], labels[two], 2, 3)
    assert linear.weight.shape == (2, 5)
    assert (linear(features[two]).argmax(1) == labels[two]).mean() > 0.9


def test_rare_classes_count_more_when_balanced(examples):
    features, labels = examples
    rare = np.r_[:30, 30:33, 60:90]
    plain, balanced = (next(path(features[rare], labels[rare], 4, 1, balanced=b)) for b in (False, True))
    assert balanced(features).argmax(1).tolist().count(1) >= plain(features).argmax(1).tolist().count(1)
    assert not np.allclose(plain.weight, balanced.weight)
