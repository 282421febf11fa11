import shutil

import numpy as np
import pytest

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.common.errors import KedjaError
from kedja.data.prepared import load


def test_digits_are_the_scans_of_scikit_learn(digits):
    from sklearn.datasets import load_digits

    original = load_digits()
    assert digits.images.shape == (1797, 8, 8, 1)
    assert digits.images.dtype == np.uint8
    assert np.array_equal(digits.images[..., 0], np.round(original.images * 255 / 16))
    assert np.array_equal(digits.labels, original.target)


def test_the_splits_part_the_images(digits):
    parts = [digits.split(name) for name in ("train", "val", "test")]
    assert sorted(np.concatenate(parts)) == list(range(1797))
    assert [round(len(part) / 1797, 2) for part in parts] == [0.7, 0.15, 0.15]


def test_an_encoded_image_preprocesses_to_its_pixels(digits):
    for position in digits.sample_indices():
        assert np.array_equal(preprocess(digits.encoded(position), digits.spec), digits.images[position])


def test_samples_cover_the_classes_of_the_validation_split(digits):
    samples = digits.sample_indices()
    assert set(samples) <= set(digits.split("val"))
    assert len(samples) == 32
    assert set(digits.labels[samples]) == set(range(10))


def test_an_unknown_split_names_the_nearest(digits):
    with pytest.raises(KedjaError, match="'train'"):
        digits.split("trian")


def test_no_data_set_names_the_remedy(tmp_path):
    with pytest.raises(KedjaError, match="just data data=birds"):
        load(tmp_path / "birds")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array"])
def test_pixels_in_pieces_are_one_clear_error(digits, tmp_path, content):
    folder = tmp_path / "digits"
    shutil.copytree(digits.folder, folder)
    (folder / "images.npy").write_bytes(content)
    with pytest.raises(KedjaError, match=r"the data set .* is damaged"):
        load(folder)
