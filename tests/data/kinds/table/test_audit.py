"""The audit of rows finds what was put into them, and nothing in sound ones."""

import random

import numpy as np
import pytest

from kedja.bundle.inputs.table.spec import TableInput
from kedja.data.audit.audit import audit
from kedja.data.kinds.table.effects import effects
from support import tables


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root, choose = tmp_path_factory.mktemp("audit"), random.Random(1)
    lines = []
    for number in range(400):
        label = choose.choice(["yes", "no"])
        income = 99999 if number % 50 == 7 else choose.randint(10, 90)
        answer = {"yes": "approved", "no": "denied"}[label]
        rare = "lonely" if number == 5 else choose.choice("pq")
        age = choose.randint(20, 60) + (50 if number >= 340 else 0)
        split = "train" if number < 280 else "val" if number < 340 else "test"
        lines.append(f"{age},{income},same,{answer},{rare},2024-{1 + number % 12:02d}-01,{split},{label}")
    (root / "t.csv").write_text("\n".join(["age,income,constant,answer,kind,day,part,label", *lines]) + "\n")
    data = tables.dataset(root, root / "t.csv", split="part")
    return {finding.kind: finding for finding in audit(data, judge_labels=False).findings}


def test_what_was_put_in_is_found(found):
    assert found["constant-column"].files == {"constant": "always 'same'"}
    assert list(found["target-leak"].files) == ["answer"]
    assert found["impossible-value"].captions[0].startswith("income = 99999: in 8 rows")
    assert list(found["split-drift"].files) == ["age (test)"]
    assert list(found["rare-categories"].files) == ["kind"]
    assert "part" in found["left-out"].title
    assert "label" not in found["left-out"].title
    assert "invalid" not in {finding.severity for finding in found.values()}


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_sound_tables_have_nothing_to_doubt(tmp_path, name):
    data = tables.dataset(tmp_path, tables.write_sklearn(name, tmp_path / "t.csv"), kind="table")
    doubts = [finding for finding in audit(data, judge_labels=False).findings if finding.severity != "note"]
    assert [finding.kind for finding in doubts] == []


def test_rows_in_time_are_said_to_be_so(tmp_path):
    data = tables.dataset(tmp_path, tables.write_table(tmp_path / "t.csv"))
    assert "time-order" in {finding.kind for finding in audit(data, judge_labels=False).findings}


def test_answers_hang_on_what_they_are_made_of(tmp_path):
    data = tables.dataset(tmp_path, tables.write_table(tmp_path / "t.csv"))
    assert isinstance(data.input, TableInput)
    place = [column.name for column in data.input.numeric].index("income")

    def answer(feed):
        high = np.nan_to_num(feed["numbers"][:, place]) > 62
        return np.where(high[:, None], [0.9, 0.1], [0.1, 0.9])

    said = effects(data.input, data.read(np.arange(len(data))), data.labels, answer)
    first, *others = said["importance"]
    assert first["column"] == "income"
    assert first["accuracy"] > 0.2
    assert all(abs(one["accuracy"]) + abs(one["loss"]) < 1e-12 for one in others)
    assert said["curves"][0]["means"][0] == pytest.approx([0.1, 0.9])
    assert said["curves"][0]["means"][-1] == pytest.approx([0.9, 0.1])
