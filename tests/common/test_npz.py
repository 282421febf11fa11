import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.common.npz import read_arrays

ARRAYS = {"ids": np.array(["a", "bc"]), "logits": np.arange(60, dtype=np.float32).reshape(2, 30)}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_in_the_order_of_their_names(save, tmp_path):
    save(tmp_path / "answers.npz", **ARRAYS)
    logits, ids = read_arrays(tmp_path / "answers.npz", "logits", "ids")
    assert np.array_equal(logits, ARRAYS["logits"])
    assert ids.tolist() == ["a", "bc"]


@given(data=st.data())
def test_every_damage_is_one_clear_error(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    path = folder / "answers.npz"
    data.draw(st.sampled_from([np.savez, np.savez_compressed]))(path, **ARRAYS)
    whole = path.read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 3)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        logits, _ = read_arrays(path, "logits", "ids")
        assert np.array_equal(logits, ARRAYS["logits"])
    except KedjaError as error:
        assert str(path) in str(error)
    finally:
        shutil.rmtree(folder)


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "plain.npy", np.arange(3))
    np.savez(tmp_path / "objects.npz", logits=np.array([{}, []], object))
    np.savez(tmp_path / "number.npz", logits=np.array(3.0))
    for name in ("plain.npy", "objects.npz", "number.npz"):
        with pytest.raises(KedjaError, match="is damaged"):
            read_arrays(tmp_path / name, "logits")
    with pytest.raises(KedjaError, match="does not exist"):
        read_arrays(tmp_path / "none.npz", "logits")


def test_arrays_of_different_lengths_are_refused(tmp_path):
    np.savez(tmp_path / "uneven.npz", ids=np.array(["a", "b"]), logits=np.zeros((3, 2)))
    with pytest.raises(KedjaError, match="is damaged: its arrays have 2 and 3 rows"):
        read_arrays(tmp_path / "uneven.npz", "ids", "logits")
