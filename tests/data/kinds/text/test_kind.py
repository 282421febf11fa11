import json

import numpy as np
import pytest

from kedja.bundle.inputs.text.spec import TextInput
from kedja.common.errors import KedjaError
from kedja.data.kinds.text.kind import identity
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.obtain import obtain
from support import texts
from support.public_data import archive


def test_it_is_prepared_alike_twice_and_read_back_verbatim(tmp_path):
    first, second = (texts.dataset(tmp_path / name) for name in ("one", "two"))
    assert first.hash == second.hash
    assert isinstance(first.input, TextInput)
    description = json.loads((first.folder / "dataset.json").read_text())
    assert (description["kind"], description["input"]["length"], description["examples"]) == ("text", 32, 240)
    assert set(description["files"]) == {"index.csv", "texts.txt", "offsets.npy", "tokenizer.json"}
    assert {split: len(first.split(split)) for split in ("train", "val", "test")} == {
        "train": 168,
        "val": 36,
        "test": 36,
    }
    found = {first.encoded(position).decode() for position in range(len(first))}
    assert any('"number 7"\nand so on' in text for text in found)
    feed = first.read(np.arange(3))
    assert (
        feed["input_ids"].tolist()
        == first.input.collate([first.input.decode(first.encoded(position)) for position in range(3)])[
            "input_ids"
        ].tolist()
    )
    assert first.stored.facts(np.arange(3))["characters"].tolist() == [
        len(first.encoded(position).decode()) for position in range(3)
    ]


def test_worker_processes_make_the_same(tmp_path):
    table = texts.write_table(tmp_path / "table.csv", 900)
    made = [load(obtain("texts", tmp_path / str(jobs), Settings(source=str(table), jobs=jobs))).hash for jobs in (1, 2)]
    assert made[0] == made[1]


def test_copies_up_to_white_space_and_case_stay_on_one_side(tmp_path):
    assert identity("Hello  World\n") == identity("hello world") != identity("helloworld")
    rows = [f"question number {n},{n % 2}" for n in range(60)]
    rows += [f"QUESTION  Number {n},{n % 2}" for n in range(60)]
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    data = load(obtain("t", tmp_path, Settings(source=str(tmp_path / "t.csv"), jobs=1)))
    sides = {}
    for position, split in enumerate(data.splits):
        sides.setdefault(identity(data.encoded(position).decode()), set()).add(int(split))
    assert all(len(side) == 1 for side in sides.values())


def test_empty_texts_are_named_or_left_out(tmp_path):
    rows = [f"question number {n},{n % 2}" for n in range(40)] + ['" ",1']
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    with pytest.raises(KedjaError, match=r"0000042: the text is empty"):
        obtain("t", tmp_path, Settings(source=str(tmp_path / "t.csv"), jobs=1))
    data = load(obtain("t", tmp_path, Settings(source=str(tmp_path / "t.csv"), jobs=1, on_error="skip")))
    assert len(data) == 40


def test_another_tokenizer_and_length(tmp_path):
    from kedja.data.kinds.text.choose import open_tokenizer

    (tmp_path / "tokenizer.json").write_bytes(open_tokenizer("minilm").content)
    data = texts.dataset(tmp_path / "a", tokenizer=str(tmp_path), length=8)
    assert data.read(np.arange(10))["input_ids"].shape == (10, 8)
    with pytest.raises(KedjaError, match="tokenizer=nowhere is no tokenizer here"):
        texts.dataset(tmp_path / "b", tokenizer="nowhere")


def test_a_tokenizer_of_the_texts_own_is_the_same_each_time_and_travels(tmp_path):
    first, second = (texts.dataset(tmp_path / name, tokenizer="own") for name in ("one", "two"))
    assert first.hash == second.hash
    assert isinstance(first.input, TextInput)
    assert first.input.vocabulary < 1000
    feed = first.read(np.arange(20))
    assert (feed["input_ids"][feed["attention_mask"] == 0] == first.input.padding).all()
    assert first.input.unknown == 1
    assert first.input.features(feed)["unknown"].max() < 0.2
    assert len({tuple(row) for row in feed["input_ids"].tolist()}) > 10


def test_clinc_with_its_splits_and_three_texts_in_both(tmp_path):
    source = archive("clinc150-train-val.json")
    data = load(obtain("clinc", tmp_path, Settings(source=str(source))))
    assert {split: len(data.split(split)) for split in ("train", "val", "test")} == {
        "train": 15_097,
        "val": 3_100,
        "test": 0,
    }
    assert len(data.classes) == 151
