"""What is unknown: the score against scikit-learn's principal components, the threshold, the area under the curve."""

import numpy as np
import onnx
import pytest
from onnx import parser
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from kedja.common.intervals import area_interval
from kedja.frameworks import known
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.familiarity import DIRECTIONS, subspace, without_distance

NETWORK = """<ir_version: 9, opset_import: ["" : 18]>
network (float[n, 4] given) => (float[n, 3] logits) {
  features = Identity (given)
  linear = Gemm (features, matrix, bias)
  logits = Mul (linear, factor)
}"""


def network() -> onnx.ModelProto:
    model = parser.parse_model(NETWORK)
    rng = np.random.default_rng(0)
    for name, value in (("matrix", rng.normal(size=(4, 3))), ("bias", np.zeros(3)), ("factor", np.array(0.125))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value.astype(np.float32), name))
    return model


def test_the_features_are_found_behind_scales_and_quantised_weights():
    model = network()
    assert surgery.features_of(model) == "features"
    model.graph.node[-1].op_type = "Log"
    assert surgery.features_of(model) is None


def test_the_score_is_the_largest_logit_less_the_distance_from_the_training_examples():
    rng = np.random.default_rng(0)
    width = 3 * DIRECTIONS
    # Examples vary in half as many directions as are kept; new ones of another kind in all.
    basis = np.linalg.qr(rng.normal(size=(width, DIRECTIONS // 2)))[0]
    training, fresh = ((rng.normal(size=(count, DIRECTIONS // 2)) @ basis.T) for count in (2000, 50))
    fresh += rng.normal(0, 0.01, fresh.shape)
    # Falling variances, so that the directions are the same for everybody.
    training += rng.normal(0, 0.01, training.shape) * np.geomspace(3, 0.3, width)
    others = fresh + rng.normal(0, 0.3, fresh.shape)
    model = parser.parse_model(NETWORK.replace("4]", f"{width}]"))
    matrix = rng.normal(size=(width, 3)) / 10
    for name, value in (("matrix", matrix), ("bias", np.zeros(3)), ("factor", np.array(1.0))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value.astype(np.float32), name))
    score = without_distance(subspace(training), fresh, fresh @ matrix, onnx.TensorProto.FLOAT)
    score.append(model)
    run = surgery.outputs(model, "familiarity")
    (known_ones,), (unknown,) = (run({"given": x.astype(np.float32)}) for x in (fresh, others))
    assert known_ones.shape == (50,)
    # The same from the definition, with scikit-learn's principal components.
    found = PCA(DIRECTIONS, svd_solver="full").fit(training)
    distance = np.linalg.norm(fresh - found.inverse_transform(found.transform(fresh)), axis=1)
    largest = (fresh @ matrix).max(axis=1)
    np.testing.assert_allclose(known_ones, largest - largest.std() / distance.std() * distance, rtol=1e-2, atol=1e-2)
    assert known.area_under_curve(known_ones, unknown) > 0.99


@pytest.mark.parametrize(("count", "share", "rank"), [(19, 0.05, 0), (99, 0.05, 4), (99, 0.07, 6), (200, 0.01, 1)])
def test_the_threshold_leaves_the_stated_share_of_new_examples_below(count, share, rank):
    scores = np.random.default_rng(0).permutation(np.arange(count, dtype=np.float64))
    least = known.threshold(scores, share)
    assert least == rank
    # One more of the same distribution falls below it in `rank` of count + 1 places.
    assert rank / (count + 1) <= share


def test_false_alarms_are_as_rare_as_stated():
    rng = np.random.default_rng(0)
    shares = [(rng.normal(size=1000) < known.threshold(rng.normal(size=60), 0.05)).mean() for _ in range(2000)]
    assert 0.03 < np.mean(shares) < 0.05


def test_the_area_under_the_curve_is_scikit_learns_with_an_interval_that_holds_it():
    rng = np.random.default_rng(0)
    high, low = rng.normal(1, 1, 300).round(1), rng.normal(0, 1, 200).round(1)
    labels = np.r_[np.ones(300), np.zeros(200)]
    area = known.area_under_curve(high, low)
    assert area == pytest.approx(roc_auc_score(labels, np.r_[high, low]))
    bottom, top = area_interval(area, 300, 200)
    assert bottom < area < top
    # The true area of two such normal distributions is Φ(1/√2).
    assert bottom < 0.760 < top


def test_the_interval_of_a_perfect_area_is_no_certainty():
    low, high = area_interval(1.0, 30, 40)
    assert high == 1.0
    assert 0.8 < low < 1.0
    low, high = area_interval(0.0, 30, 40)
    assert low == 0.0
    assert 0.0 < high < 0.2
