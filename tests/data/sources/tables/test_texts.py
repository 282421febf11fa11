import json

import pytest

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source


def items(path, **settings):
    source = open_source(Settings(source=str(path), **settings), path.parent / "work")
    assert source.kind == "text"
    return [(item.content.tobytes().decode(), item.label, item.split) for item in source.items()]


def test_a_table_with_quotes_newlines_and_emoji(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('text,category\n"Hi, ""you""\nthere 😀",greeting\nשלום,greeting\n', encoding="utf-8")
    assert items(file) == [('Hi, "you"\nthere 😀', "greeting", ""), ("שלום", "greeting", "")]


def test_columns_of_other_names_and_splits(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("what\tintent\tsplit\nhello\tgreet\ttrain\nbye\tleave\tdev\n", encoding="utf-8")
    assert items(file, text="what", label="intent") == [("hello", "greet", "train"), ("bye", "leave", "val")]


def test_another_encoding_is_said(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes("text,label\ngrün,farbe\n".encode("cp1252"))
    assert items(file, encoding="cp1252") == [("grün", "farbe", "")]


def test_json_of_pairs_by_split(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"train": [["hello", "greet"]], "val": [["bye", "leave"]], "oos_val": [["x", "oos"]]}))
    assert items(file) == [("hello", "greet", "train"), ("bye", "leave", "val"), ("x", "oos", "val")]
    file.write_text(json.dumps([["hello", "greet"], ["bye", "leave"]]))
    assert items(file) == [("hello", "greet", ""), ("bye", "leave", "")]


def test_json_lines_of_objects(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "hello", "label": 1}\n\n{"label": 0, "text": "bye"}\n')
    assert items(file) == [("hello", "1", ""), ("bye", "0", "")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"other": []}', "no list of texts of a split"),
        ("a.json", '[["a", "b", "c"]]', "neither an object nor a pair"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text": "c"}\n', "entry 2 lacks 'label'"),
        ("a.csv", "text,label\nhello,\n", "line 2 has no label"),
        ("a.csv", "text,label\nhello,a\nbye\n", "line 3 has 1 columns"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, text, said):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(KedjaError, match=said):
        items(file)


def test_a_table_of_images_stays_one(tmp_path):
    (tmp_path / "a.csv").write_text("image,text,label\na.png,hello,b\n")
    (tmp_path / "a.png").touch()
    assert open_source(Settings(source=str(tmp_path / "a.csv"), label="label"), tmp_path / "work").kind == "image"
