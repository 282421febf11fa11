"""Studies that something stands in the way of, told before the first trial."""

import sqlite3

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.tuning.search_space import dimension
from kedja.experiments.tuning.study import check_space, claim, default_storage, open_study


def opened(folder, storage=None):
    return open_study("first", storage or default_storage(folder, "first"), ["maximize"], pruner=None, seed=1)


def check_refused(tmp_path, message):
    with pytest.raises(KedjaError, match=message) as caught:
        opened(tmp_path)
    assert "study.db" in caught.value.problem
    assert "\n" not in caught.value.problem
    assert caught.value.remedy


def place(tmp_path):
    default_storage(tmp_path, "first")
    return tmp_path / "tune" / "first" / "study.db"


def test_another_programs_database_is_left_alone(tmp_path):
    path = place(tmp_path)
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE bookmarks (x)")
    database.commit()
    database.close()
    before = path.read_bytes()
    check_refused(tmp_path, r"another program's database \(with bookmarks\)")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database(tmp_path):
    path = place(tmp_path)
    path.write_bytes(b"a text, and a long one" * 100)
    check_refused(tmp_path, "not a database")
    assert path.read_bytes().startswith(b"a text")


def test_a_folder_in_its_place(tmp_path):
    place(tmp_path).mkdir()
    check_refused(tmp_path, "unable to open")


def test_a_study_is_continued_and_a_changed_space_refused(tmp_path):
    study = opened(tmp_path)
    before = [dimension("model.name", "a,b"), dimension("optim.lr", "0.1..1.0"), dimension("epochs", "1..4")]
    trial = claim(study, 5)
    for one in before:
        one.suggest(trial)
    study.tell(trial, 0.5)
    again = opened(tmp_path)
    check_space(again, "first", {one.key: one.distribution() for one in before})
    # A range may move: Optuna's samplers take that.
    check_space(again, "first", {"optim.lr": dimension("optim.lr", "0.01..2.0").distribution()})
    for key, text in (("model.name", "a,c"), ("optim.lr", "1..2"), ("epochs", "x,y")):
        with pytest.raises(KedjaError, match=f"with another space for {key}") as caught:
            check_space(again, "first", {key: dimension(key, text).distribution()})
        assert "study=" in caught.value.remedy
