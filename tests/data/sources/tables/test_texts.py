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
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text": "c"}\n', "entry 2 has no label"),
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


def test_lines_of_json_end_where_json_says(tmp_path):
    # Characters that other programs take for ends of lines.
    written = ["one\u2028two", "three\x85four", "five\x0csix", "seven\x1eeight"]
    file = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": text, "label": f"l{n}"}, ensure_ascii=False) for n, text in enumerate(written)]
    file.write_bytes("\r\n".join(lines).encode())
    assert [text for text, _, _ in items(file)] == written


def test_a_split_that_the_first_entry_lacks_is_used(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "y", "split": "test"}\n')
    assert items(file) == [("a", "x", ""), ("b", "y", "test")]


@pytest.mark.parametrize("text", ["ham\thello\nspam\tbuy now\n", "ham,hello\nspam,buy now\n"])
def test_texts_without_names_of_columns(tmp_path, text):
    file = tmp_path / "a.txt"
    file.write_text(text)
    assert items(file, text="2") == [("hello", "ham", ""), ("buy now", "spam", "")]
    assert items(file, text="2", label="1") == [("hello", "ham", ""), ("buy now", "spam", "")]


def test_a_text_longer_than_a_cell_of_a_spreadsheet(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(f"text,label\n{'word ' * 50_000},x\nshort,y\n")
    assert [len(text) for text, _, _ in items(file)] == [250_000, 5]


def test_one_hot_columns_byte_order_mark_and_nul(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes("\ufefftext;good;bad\nfine\0;1;0\n\ufeffugly;0;1\n".encode())
    assert items(file) == [("fine\0", "good", ""), ("\ufeffugly", "bad", "")]


def test_a_column_of_texts_of_another_name_is_asked_for(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("Beschreibung,Art\nhallo,x\nwelt,y\n")
    with pytest.raises(KedjaError, match=r"that of texts: text=<name"):
        list(open_source(Settings(source=str(file)), tmp_path / "work").items())
