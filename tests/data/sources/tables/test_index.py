import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import Directory, DiskFile
from kedja.data.sources.tables.columns import Columns
from kedja.data.sources.tables.index import Index
from kedja.data.sources.tables.table import read_table
from support.pictures import write_pictures


@pytest.fixture
def photos(tmp_path):
    return write_pictures(tmp_path, {"pictures": 4})


def items(root, index, columns=None, classes=""):
    return [
        (i.id, i.label, i.split, i.group) for i in Index(Directory(root), index, columns or Columns(), classes).items()
    ]


def test_a_csv_with_a_header(photos):
    (photos / "labels.csv").write_text("filename,species\npictures/0.png,cat\npictures/1.png,dog\n")
    assert items(photos, ["labels.csv"]) == [("pictures/0.png", "cat", "", ""), ("pictures/1.png", "dog", "", "")]


def test_columns_by_name_in_any_order_with_splits_and_groups(photos):
    (photos / "t.tsv").write_text(
        "who\tkind\tpart\twhere\np1\tcat\tvalid\tpictures/0.png\np2\tdog\ttrain\tpictures/1.png\n"
    )
    found = items(photos, ["t.tsv"], Columns("where", "kind", "part", "who"))
    assert found == [("pictures/0.png", "cat", "val", "p1"), ("pictures/1.png", "dog", "train", "p2")]


def test_text_files_of_published_data_sets_by_split_with_a_class_table(photos):
    (photos / "train.txt").write_text("pictures/0.png, 10, 1\npictures/1.png, 2, 0\n")
    (photos / "val.txt").write_text("pictures/2.png, 2, 0\n")
    (photos / "classes.csv").write_text("Name,Id,Coarse,Coarse Id\nGala,10,Apple,1\nPlum,2,Stone fruit,0\n")
    fine = Index(Directory(photos), ["train.txt", "val.txt"], Columns(), "classes.csv:Id:Name")
    assert [(i.label, i.split) for i in fine.items()] == [("Gala", "train"), ("Plum", "train"), ("Plum", "val")]
    assert fine.classes == ["Plum", "Gala"]
    coarse = Index(Directory(photos), ["train:train.txt", "val:val.txt"], Columns(label="3"), "classes.csv:4:3")
    assert [i.label for i in coarse.items()] == ["Apple", "Stone fruit", "Stone fruit"]


def test_names_without_suffix_relative_to_the_index_file(tmp_path):
    write_pictures(tmp_path, {"inner/pictures": 2})
    (tmp_path / "inner" / "l.txt").write_text("pictures/0 cat\npictures/1 dog\n")
    assert [i[0] for i in items(tmp_path, ["inner/l.txt"])] == ["inner/pictures/0.png", "inner/pictures/1.png"]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("pictures/0.png,cat\n../outside.png,dog\n", {}, "line 2 names ../outside.png, which is outside"),
        ("pictures/0.png,cat\npictures/1.png\n", {}, "line 2 has 1 columns"),
        ("pictures/0.png,\n", {}, "line 1 has no label"),
        ("file,label\npictures/0.png,cat\n", {"label": "lable"}, "did you mean 'label'"),
        ("pictures/0.png,cat\n", {"label": "3"}, "has 2 columns; column 3 is asked for"),
        ("file,label,part\npictures/0.png,cat,odd\n", {"split": "part"}, "'odd' is no split"),
        ("nowhere.png,cat\n", {}, "none of the first images"),
        ("", {}, "is empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(photos, text, columns, message):
    (photos / "l.csv").write_text(text)
    with pytest.raises(KedjaError, match=message):
        items(photos, ["l.csv"], Columns(**columns))


def test_a_label_that_the_class_table_lacks(photos):
    (photos / "l.csv").write_text("pictures/0.png,7\n")
    (photos / "c.csv").write_text("1,cat\n")
    with pytest.raises(KedjaError, match="the label '7', which the table"):
        items(photos, ["l.csv"], classes="c.csv:1:2")


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and not text.startswith("\ufeff")
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_any_csv_is_read_as_it_was_written(tmp_path_factory, rows):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    file = tmp_path_factory.mktemp("csv") / "any.csv"
    file.write_text("a,b\n" + buffer.getvalue(), encoding="utf-8", newline="")
    assert [tuple(row) for _, row in read_table(DiskFile(str(file)), file.name)][1:] == rows
