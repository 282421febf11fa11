import numpy as np
import pytest

from kedja.bundle.inputs.input import length
from kedja.common.errors import KedjaError
from kedja.export.parity import BATCH_SIZES, check_parity, first

FEED = {"image": np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)}
TOLERANCE = 1e-4


def softmax(logits):
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def reference(feed):
    images = feed["image"]
    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    logits = flat @ np.linspace(-2, 2, flat.shape[1] * 3, dtype=np.float32).reshape(-1, 3)
    return logits, softmax(logits)


def shifted(by):
    def run(feed):
        logits, _ = reference(feed)
        logits = logits + np.float32(by) * np.eye(3, dtype=np.float32)[0]
        return logits, softmax(logits)

    return run


def test_equal_answers_pass_and_the_differences_are_reported():
    parity = check_parity(reference, {"same": reference, "near": shifted(1e-6)}, FEED, TOLERANCE)
    assert parity["same"].logits == parity["same"].probabilities == 0
    assert 0 < parity["near"].logits < 1e-5


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (shifted(0.1), "logits off by 0.1"),
        (lambda feed: (reference(feed)[0] * np.nan, reference(feed)[1]), "off by nan"),
        (lambda feed: (reference(feed)[0], reference(feed)[1][:, ::-1]), "probabilities by"),
        (lambda feed: tuple(part[:2] for part in reference(feed)), "shapes"),
    ],
    ids=["shifted", "nan", "swapped", "frozen batch"],
)
def test_a_mismatch_names_the_file_and_the_batch(candidate, message):
    with pytest.raises(KedjaError, match=r"model\.onnx does not answer as the trained model does") as error:
        check_parity(reference, {"model.onnx": candidate}, FEED, TOLERANCE)
    assert message in str(error.value)
    assert "no bundle was written" in str(error.value)


def test_every_batch_size_is_tried():
    seen = []

    def recording(feed):
        seen.append(length(feed))
        return reference(feed)

    check_parity(reference, {"x": recording}, FEED, TOLERANCE)
    assert tuple(seen) == BATCH_SIZES == (1, 2, 7, 64)


def test_an_error_in_one_batch_size_alone_is_found():
    def wrong_at_seven(feed):
        return shifted(1.0)(feed) if length(feed) == 7 else reference(feed)

    with pytest.raises(KedjaError, match="batch of 7"):
        check_parity(reference, {"x": wrong_at_seven}, FEED, TOLERANCE)


def test_few_images_fill_a_large_batch():
    assert np.array_equal(first(FEED, 7)["image"][5:], FEED["image"][:2])
    assert length(first(FEED, 64)) == 64
