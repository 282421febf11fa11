import json

import pytest

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source

pyarrow = pytest.importorskip("pyarrow", reason="the group parquet is not installed")


def table(texts, labels, names=None):
    made = pyarrow.table({"text": texts, "label": labels})
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
    about = {"info": {"features": features}}
    return made.replace_schema_metadata({"huggingface": json.dumps(about)}) if names else made


def items(path):
    source = open_source(Settings(source=str(path)), path.parent / "work")
    assert source.kind == "text"
    return [(item.content.tobytes().decode(), item.label, item.split) for item in source.items()]


def test_one_parquet_file(tmp_path):
    from pyarrow import parquet

    parquet.write_table(table(["hello", "שלום 😀"], ["greet", "greet"]), tmp_path / "a.parquet")
    assert items(tmp_path / "a.parquet") == [("hello", "greet", ""), ("שלום 😀", "greet", "")]


def test_a_copy_of_the_hub_has_names_for_its_numbers(tmp_path):
    from pyarrow import parquet

    folder = tmp_path / "copy" / "data"
    folder.mkdir(parents=True)
    parquet.write_table(table(["hello", "bye"], [0, 1], ["greet", "leave"]), folder / "train-00000-of-00001.parquet")
    parquet.write_table(table(["hi"], [0], ["greet", "leave"]), folder / "test-00000-of-00001.parquet")
    assert sorted(items(tmp_path / "copy")) == [
        ("bye", "leave", "train"),
        ("hello", "greet", "train"),
        ("hi", "greet", "test"),
    ]


def test_what_save_to_disk_writes(tmp_path):
    for split, words in (("train", ["hello", "bye"]), ("validation", ["hi"])):
        folder = tmp_path / "saved" / split
        folder.mkdir(parents=True)
        made = table(words, list(range(len(words))), ["greet", "leave"])
        with (
            pyarrow.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
            pyarrow.ipc.new_stream(file, made.schema) as out,
        ):
            out.write_table(made)
        (folder / "cache-1.arrow").write_bytes(b"")
    assert sorted(items(tmp_path / "saved")) == [
        ("bye", "leave", "train"),
        ("hello", "greet", "train"),
        ("hi", "greet", "val"),
    ]


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(KedjaError, match=r"a\.parquet is damaged"):
        items(tmp_path / "a.parquet")
