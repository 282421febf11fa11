"""Prepared rows: stored exactly, the same bytes whatever the number of processes, and read back as they were."""

import json

import numpy as np
import pytest

from kedja.bundle.inputs.table.column import MISSING
from kedja.bundle.inputs.table.spec import CODES, NUMBERS
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.summary import summary
from kedja.data.versions.obtain import obtain
from support import tables


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    return tables.dataset(root, tables.write_table(root / "t.csv"))


def test_cells_are_stored_as_they_are(made):
    description = json.loads((made.folder / "dataset.json").read_text())
    assert (description["kind"], description["storage"], description["schema_version"]) == ("table", "rows", 2)
    assert [column["name"] for column in description["input"]["columns"]] == [
        "age",
        "work",
        "member",
        "since",
        "income",
    ]
    feed = made.read(np.arange(len(made)))
    assert (feed[NUMBERS].dtype, feed[CODES].dtype) == (np.float64, np.int32)
    assert np.isnan(feed[NUMBERS]).sum() + (feed[CODES] == MISSING).sum() == 18
    row = json.loads(made.encoded(0))
    assert set(row) == {"age", "work", "member", "since", "income"}
    assert row["since"] == "2024-01-15"
    assert f"{len(made):,} rows of 5 columns, 2 classes" in summary(made.folder)


def test_encoded_rows_decode_to_what_is_stored(made):
    feed = made.read(np.arange(len(made)))
    again = made.input.collate([made.input.decode(made.encoded(position)) for position in range(len(made))])
    for name, array in feed.items():
        assert np.array_equal(array, again[name], equal_nan=name == NUMBERS)


def test_the_same_bytes_whatever_the_number_of_processes(tmp_path):
    table = tables.write_table(tmp_path / "t.csv", 900)
    hashes = set()
    for jobs in (1, 2):
        (tmp_path / str(jobs)).mkdir()
        hashes.add(load(obtain("t", tmp_path / str(jobs), Settings(source=str(table), jobs=jobs))).hash)
    assert len(hashes) == 1


def test_equal_rows_stay_on_one_side_and_unseen_categories_are_counted(tmp_path):
    lines = [f"{n % 40},c{n % 3},{'ab'[n % 2]}" for n in range(200)]
    lines += ["500,lonely,a"]
    (tmp_path / "t.csv").write_text("\n".join(["x,c,label", *lines]) + "\n")
    data = tables.dataset(tmp_path, tmp_path / "t.csv", kind="table")
    feed = data.read(np.arange(len(data)))
    whole = np.concatenate([feed[NUMBERS], feed[CODES]], axis=1)
    for row in np.unique(whole, axis=0):
        assert len(set(data.splits[(whole == row).all(axis=1)].tolist())) == 1
    split = data.splits[-1]
    untrained = data.description["untrained"]
    assert untrained == ({} if split == 0 else {"c": {"lonely": 1}})
