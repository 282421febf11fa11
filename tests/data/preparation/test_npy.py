import numpy as np
import pytest

from kedja.data.preparation.npy import create_npy, open_npy, write_images


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"something else", b"\x93NUMPY\1\0\x76\0{'descr'"])
def test_what_an_interrupted_start_left_is_made_anew(tmp_path, content):
    (tmp_path / "images.npy").write_bytes(content)
    place = create_npy(tmp_path / "images.npy", (3, 2, 2, 1))
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
    write_images(place, np.arange(3), images)
    assert np.array_equal(open_npy(tmp_path / "images.npy"), images)


def test_what_was_written_is_kept(tmp_path):
    place = create_npy(tmp_path / "images.npy", (3, 2, 2, 1))
    write_images(place, np.array([0, 2]), np.full((2, 2, 2, 1), 7, np.uint8))
    assert create_npy(tmp_path / "images.npy", (3, 2, 2, 1)) == place
    assert open_npy(tmp_path / "images.npy")[:, 0, 0, 0].tolist() == [7, 0, 7]
