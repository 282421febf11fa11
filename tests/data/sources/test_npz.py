import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4


def prepared(tmp_path, arrays, **keys):
    np.savez(tmp_path / "a.npz", **arrays)
    settings = Settings(source=str(tmp_path / "a.npz"), **keys)
    prepare(open_source(settings, tmp_path / ".work"), tmp_path / "made", settings)
    return load(tmp_path / "made")


def test_images_and_labels(tmp_path):
    data = prepared(tmp_path, {"images": PIXELS, "labels": LABELS})
    assert np.array_equal(data.images, PIXELS)
    assert np.array_equal(data.labels, LABELS)


def test_splits_in_the_names_and_class_names(tmp_path):
    arrays = {"x_train": PIXELS[:30], "y_train": LABELS[:30, None], "x_test": PIXELS[30:], "y_test": LABELS[30:, None]}
    data = prepared(tmp_path, {**arrays, "classes": np.array(["ant", "bee", "cat", "dog"])})
    assert data.classes == ["ant", "bee", "cat", "dog"]
    assert len(data.split("test")) == 10
    assert len(data.split("train")) + len(data.split("val")) == 30


def test_channels_first_and_grey(tmp_path):
    data = prepared(tmp_path, {"images": PIXELS.transpose(0, 3, 1, 2), "labels": LABELS})
    assert np.array_equal(data.images, PIXELS)
    (tmp_path / "grey").mkdir()
    grey = prepared(tmp_path / "grey", {"images": PIXELS[..., 0], "labels": LABELS})
    assert np.array_equal(grey.images[..., 0], PIXELS[..., 0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": PIXELS / 255, "labels": LABELS}, "what its values mean is not known"),
        ({"pictures": PIXELS, "labels": LABELS}, "no images with their labels"),
        ({"images": PIXELS, "labels": LABELS[:3]}, "for 40 images"),
        ({"images": PIXELS, "labels": np.array([{}] * 40, dtype=object)}, "cannot be read"),
        ({"images": PIXELS[0, 0], "labels": LABELS[:10]}, "of shape"),
    ],
)
def test_what_is_not_known_is_not_guessed(tmp_path, arrays, message):
    with pytest.raises(KedjaError, match=message):
        prepared(tmp_path, arrays)


def test_one_hot_and_whole_number_labels_in_other_types(tmp_path):
    data = prepared(tmp_path, {"images": PIXELS, "labels": np.eye(4)[LABELS]})
    assert np.array_equal(data.labels, LABELS)
    (tmp_path / "b").mkdir()
    assert np.array_equal(prepared(tmp_path / "b", {"images": PIXELS, "labels": LABELS.astype(float)}).labels, LABELS)


def test_text_labels_beside_class_names(tmp_path):
    names = np.array(["dog", "cat", "bee", "ant"])
    data = prepared(tmp_path, {"images": PIXELS, "labels": names[LABELS], "classes": names})
    assert data.classes == names.tolist()
    assert np.array_equal(data.labels, LABELS)


def test_arrays_that_are_not_used_are_counted(tmp_path, capsys):
    prepared(tmp_path, {"images": PIXELS, "labels": LABELS, "patient": LABELS})
    assert "ignored: 1 arrays that are neither images nor their labels, for example patient" in capsys.readouterr().err


def test_two_arrays_for_one_role_are_refused(tmp_path):
    with pytest.raises(KedjaError, match="two arrays of images of val, one of them x_valid"):
        prepared(tmp_path, {"x_val": PIXELS, "x_valid": PIXELS, "y_val": LABELS})
