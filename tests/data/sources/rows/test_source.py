"""A table of rows: is its header one, what are its columns, which rows train; and it is told from other tables."""

import csv
import pickle
from datetime import date

import pytest

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support import tables
from support.public_data import PLACE, archive


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def opened(path, **settings):
    return open_source(Settings(source=str(path), **settings), path.parent)


def types(source):
    expected, _ = source.schema
    return {column.name: column.type for column in expected.columns}, expected.ignored


def test_types_of_columns_are_found_and_said(tmp_path, capsys):
    source = opened(tables.write_table(tmp_path / "t.csv"))
    assert source.kind == "table"
    found, ignored = types(source)
    assert found == {"age": "number", "work": "category", "member": "boolean", "since": "date", "income": "number"}
    assert ignored == ["label", "nr", "note"]
    said = capsys.readouterr().err
    assert "is taken for a table whose rows are the examples" in said
    assert "note: not read (text: its words hardly ever repeat)" in said
    assert "nr: not read (identifier" in said
    assert "taken for missing: ? 18" in said


def test_what_is_stated_counts(tmp_path):
    table = tables.write_table(tmp_path / "t.csv")
    found, ignored = types(opened(table, columns=["age:category", "income:number:kEUR", "member:identifier"]))
    assert found == {"age": "category", "work": "category", "since": "date", "income": "number"}
    assert "member" in ignored
    expected, _ = opened(table, columns=["income:number:kEUR"]).schema
    assert expected.columns[-1].unit == "kEUR"
    with pytest.raises(KedjaError, match="the column 'work' is no number: it holds"):
        types(opened(table, columns=["work:number"]))
    with pytest.raises(KedjaError, match="no column 'wrok'"):
        opened(table, columns=["wrok:category"])
    with pytest.raises(KedjaError, match="'colour' is no type"):
        opened(table, columns=["work:colour"])


def test_dates_of_a_stated_form(tmp_path):
    table = write(tmp_path / "t.csv", "when,x,label", "31.01.2024,1,a", "01.02.2024,2,b", "?,3,a")
    assert types(opened(table))[0]["when"] == "category"
    expected, _ = opened(table, columns=["when:date:%d.%m.%Y"]).schema
    assert expected.columns[0].words == "date, 31.01.2024 to 01.02.2024"


def test_a_header_is_found_or_asked_for_and_never_guessed(tmp_path):
    named = write(tmp_path / "named.csv", "a,b,kind", "1,x,p", "2,y,q", "3,x,p")
    assert types(opened(named, label="kind", kind="table"))[0] == {"a": "number", "b": "category"}
    bare = write(tmp_path / "bare.csv", "1,x,p", "2,y,q", "3,x,p")
    with pytest.raises(KedjaError, match="has no header"):
        opened(bare, kind="table")
    with pytest.raises(KedjaError, match="columns= names 2"):
        opened(bare, kind="table", columns=["a", "b"])
    source = opened(bare, columns=["a", "b", "c"], label="c")
    assert [item.label for item in source.items()] == ["p", "q", "p"]
    words = write(tmp_path / "words.csv", "u,v,w", "x,y,z", "x,z,z")
    with pytest.raises(KedjaError, match=r"whether its first line .* names the columns cannot be told"):
        opened(words, kind="table")
    assert len(list(opened(words, kind="table", label="w").items())) == 2


def test_names_from_a_names_file():
    source = opened(archive("adult-train.csv"), columns=[str(PLACE / "adult.names")])
    expected, places = source.schema
    assert [column.name for column in expected.columns][:3] == ["age", "workclass", "fnlwgt"]
    assert places == list(range(14))
    assert {column.name: column.missing for column in expected.columns if column.missing} == {
        "workclass": 1836,
        "occupation": 1843,
        "native-country": 583,
    }
    assert sum(1 for _ in source.items()) == 32561


def test_what_cannot_be_a_label_is_refused(tmp_path):
    table = write(tmp_path / "t.csv", "a,b", *(f"{n},{n / 7}" for n in range(100)))
    with pytest.raises(KedjaError, match="which column is predicted cannot be told"):
        opened(table, kind="table")
    with pytest.raises(KedjaError, match="100 different values: it is no class"):
        types(opened(table, kind="table", label="b"))
    with pytest.raises(KedjaError, match=r"t.csv line 3 has no c"):
        list(opened(write(tmp_path / "t.csv", "a,b,c", "1,2,x", "1,3,?"), label="c").items())


def test_rows_are_split_by_time_in_order_and_moments_stay_together(tmp_path):
    days = [date.fromordinal(738000 + n // 3).isoformat() for n in range(300)]
    table = write(
        tmp_path / "t.csv", "day,x,label", *(f"{day},{n % 5},{'ab'[n % 2]}" for n, day in enumerate(reversed(days)))
    )
    source = opened(table, split="time:day")
    sides = {}
    for item, day in zip(source.items(), reversed(days), strict=True):
        sides.setdefault(day, set()).add(item.split)
    assert all(len(side) == 1 for side in sides.values())
    order = [next(iter(sides[day])) for day in sorted(sides)]
    assert order == ["train"] * 70 + ["val"] * 15 + ["test"] * 15
    assert "day" in types(source)[0]
    with pytest.raises(KedjaError, match="no column 'dai'"):
        opened(table, split="time:dai")


def test_groups_and_given_splits_are_columns_that_no_model_reads(tmp_path):
    table = write(
        tmp_path / "t.csv", "who,x,part,label", "p,1,train,a", "p,2,train,b", "q,3,test,a", "q,4,validation,b"
    )
    source = opened(table, group="who", split="part")
    assert [(item.group, item.split) for item in source.items()] == [("p", "train")] * 2 + [("q", "test"), ("q", "val")]
    assert types(source) == ({"x": "number"}, ["who", "part", "label"])


def test_other_tables_stay_what_they_are(tmp_path):
    from support.pictures import write_pictures

    pictures = write_pictures(tmp_path / "photos", {"a": 2, "b": 2})
    with (pictures / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "weight", "label"], ["a/0", "3", "a"], ["b/0", "4", "b"]])
    assert opened(pictures / "labels.csv").kind == "image"
    from support import texts

    assert opened(texts.write_table(tmp_path / "texts.csv")).kind == "text"
    with pytest.raises(KedjaError, match=r"kind=text: source=.* holds examples of kind image"):
        opened(pictures / "labels.csv", kind="text")


def test_parquet_is_read_as_the_csv_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    table = tables.write_table(tmp_path / "t.csv")
    options = arrow_csv.ConvertOptions(null_values=["?"], strings_can_be_null=True)
    parquet.write_table(arrow_csv.read_csv(table, convert_options=options), tmp_path / "t.parquet")
    expected, _ = opened(tmp_path / "t.parquet").schema
    other, _ = opened(table).schema
    assert expected.columns == other.columns
    cells = [bytes(item.content) for item in opened(tmp_path / "t.parquet").items()]
    assert len(cells) == 300
    (tmp_path / "no.parquet").write_bytes(b"PAR1 it is not")
    with pytest.raises(KedjaError, match="is damaged"):
        opened(tmp_path / "no.parquet")
    assert pyarrow.__version__


def test_pickles_are_refused(tmp_path):
    (tmp_path / "frame.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(KedjaError, match="is a pickle, which can run any program"):
        opened(tmp_path / "frame.pkl")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "t.csv"
    path.write_text("größe,ort,label\n1,Århus,a\n2,Genève,b\n", encoding=encoding)
    stated = {"encoding": encoding} if encoding == "cp1252" else {}
    assert types(opened(path, kind="table", **stated))[0] == {"größe": "number", "ort": "category"}
    if stated:
        with pytest.raises(KedjaError, match="is not UTF-8 text"):
            opened(path, kind="table")
