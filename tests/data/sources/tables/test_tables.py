"""Tables as people write them: read as they state it, or refused with what is wrong and which key mends it."""

import pytest

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.sources.files.tree import Directory
from kedja.data.sources.registry import open_source
from kedja.data.sources.tables.columns import Columns
from kedja.data.sources.tables.index import Index
from support.pictures import encode, picture, write_pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"), {"p": 6})


def read(root, text, encoding="utf-8", name="t.csv", **columns):
    (root / name).write_text(text, encoding=encoding, newline="")
    source = Index(Directory(root), [name], Columns(**columns), beside={})
    return source, [(item.id, item.label, item.split) for item in source.items()]


def labels(root, text, **columns):
    return [label for _, label, _ in read(root, text, **columns)[1]]


def rows(header, *cells):
    return "\n".join([header, *(f"p/{n}.png,{cell}" for n, cell in enumerate(cells))]) + "\n"


def test_the_label_of_several_columns_is_asked_for(photos):
    text = rows("filename,width,height,diagnosis", "20,30,benign", "21,31,malign")
    with pytest.raises(KedjaError, match=r"its columns are filename, width, height, diagnosis(.|\n)*label=<column>"):
        read(photos, text)
    assert labels(photos, text, label="diagnosis") == ["benign", "malign"]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("filename,diagnosis", ("benign", "malign")),
        ("Bild,Befund", ("benign", "malign")),
        ("filename,split,diagnosis", ("train,benign", "test,malign")),
        ("filename,patient,diagnosis", ("7,benign", "8,malign")),
    ],
)
def test_the_only_column_left_is_the_label(photos, header, cells):
    assert labels(photos, rows(header, *cells)) == ["benign", "malign"]


def test_row_numbers_of_a_data_frame_are_no_label(photos):
    text = ",filename,diagnosis\n0,p/0.png,benign\n1,p/1.png,malign\n"
    assert read(photos, text)[1] == [("p/0.png", "benign", ""), ("p/1.png", "malign", "")]


def test_one_hot_columns_give_their_names(photos):
    source, found = read(photos, rows("file,cat,dog", "0,1", "1,0"))
    assert [label for _, label, _ in found] == ["dog", "cat"]
    assert "the columns of zeros and ones cat, dog" in source.notes[0]
    assert labels(photos, rows("image,MEL,NV,BCC", "0.0,1.0,0.0", "0.0,0.0,1.0")) == ["NV", "BCC"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rows("file,cat,dog", "1,0", "1,1"), "line 3 marks 2 of the classes cat, dog"),
        (rows("file,cat,dog", "1,0", "0,0"), "line 3 marks 0 of the classes"),
        ("p/0.png,1,0\np/1.png,0,1\n", "no header that names them"),
    ],
)
def test_several_classes_an_image_are_refused(photos, text, message):
    with pytest.raises(KedjaError, match=message):
        read(photos, text)


def test_a_label_that_is_called_like_a_column_is_no_header(photos):
    assert labels(photos, "p/0.png,target\np/1.png,decoy\n") == ["target", "decoy"]


def test_several_columns_that_may_be_the_label_are_said(photos):
    source, found = read(photos, rows("file,class_name,label", "cat,0", "dog,1"))
    assert [label for _, label, _ in found] == ["0", "1"]
    assert "the column 'label'" in source.notes[0]


def test_a_column_of_splits_is_used_and_said(photos):
    source, found = read(photos, rows("file,label,Split", "cat,train", "dog,TEST", "dog,"))
    assert [split for _, _, split in found] == ["train", "test", ""]
    assert source.notes == ["splits are those of the column 'Split'"]


@pytest.mark.parametrize(("column", "says"), [("fold", "are no splits"), ("patient_id", "group=patient_id")])
def test_columns_of_folds_and_groups_that_are_not_used_are_said(photos, column, says):
    source, _ = read(photos, rows(f"file,label,{column}", "cat,1", "dog,2"))
    assert column in source.notes[0]
    assert says in source.notes[0]


@pytest.mark.parametrize("sign", [",", ";", "|", "\t"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_delimiters_by_what_parts_the_rows(photos, sign, name):
    text = f'file{sign}label\np/0.png{sign}"cat{sign} brown"\np/1.png{sign}"dog, black; old|"\n'
    assert [label for _, label, _ in read(photos, text, name=name)[1]] == [f"cat{sign} brown", "dog, black; old|"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_spreadsheets_are_understood(photos, encoding):
    assert read(photos, rows("file,label", "Gr\u00fcn"), encoding=encoding)[1][0][1] == "Gr\u00fcn"


def test_an_unknown_encoding_is_asked_for_and_used(photos):
    (photos / "old.csv").write_bytes("file,label\np/0.png,Gr\u00fcn\np/1.png,rot\n".encode("cp1252"))
    settings = Settings(source=str(photos / "old.csv"))
    with pytest.raises(KedjaError, match="encoding=cp1252"):
        open_source(settings, photos)
    settings.encoding = "cp1252"
    assert [item.label for item in open_source(settings, photos).items()] == ["Gr\u00fcn", "rot"]
    with pytest.raises(KedjaError, match="encoding=klingon is not known"):
        Settings(encoding="klingon")


def test_backslashes_in_paths(photos):
    assert read(photos, "file,label\np\\0.png,cat\n")[1] == [("p/0.png", "cat", "")]


@pytest.mark.parametrize("path", ["C:\\data\\p\\0.png", "\\\\server\\p\\0.png", "d:/p/0.png"])
def test_absolute_paths_of_windows_are_named_with_their_line(photos, path):
    for text in (f"file,label\n{path},cat\n", f"file,label\np/0.png,cat\n{path},cat\n"):
        with pytest.raises(KedjaError, match=r"t\.csv line [23] names .*absolute path of a Windows machine"):
            read(photos, text)


def test_a_row_without_a_path_is_named(photos):
    with pytest.raises(KedjaError, match=r"t\.csv line 3 has no path"):
        read(photos, "file,label\np/0.png,cat\n,dog\n")


def test_names_without_suffix_in_mixed_formats(tmp_path):
    write_pictures(tmp_path, {"p": 2})
    (tmp_path / "p" / "scan.v2.TIF").write_bytes(encode(picture(9), "TIFF"))
    text = "id,label\np/0,cat\np/scan.v2,dog\np/1.png,cat\n"
    assert [name for name, _, _ in read(tmp_path, text)[1]] == ["p/0.png", "p/scan.v2.TIF", "p/1.png"]
    (tmp_path / "p" / "0.jpg").write_bytes(encode(picture(10), "JPEG"))
    with pytest.raises(KedjaError, match=r"line 2 names p/0, which may be 0\.jpg or 0\.png"):
        read(tmp_path, text)


def test_a_table_beside_the_folder_of_its_images(tmp_path):
    write_pictures(tmp_path, {"train": 2, "test": 2})
    source, found = read(tmp_path, "id,label\n0,cat\n1,dog\n", name="train.csv")
    assert found == [("train/0.png", "cat", "train"), ("train/1.png", "dog", "train")]
    assert source.notes == ["the paths of train.csv are looked for in train/"]
    with pytest.raises(KedjaError, match="may be meant in test/ or train/"):
        read(tmp_path, "id,label\n0,cat\n1,dog\n", name="all.csv")


def test_names_are_found_in_either_unicode_form(tmp_path):
    write_pictures(tmp_path, {"cafe\u0301": 1, "th\u00e9": 1})
    found = read(tmp_path, "file,label\ncaf\u00e9/0.png,cafe\u0301\nthe\u0301/0.png,caf\u00e9\n")[1]
    assert found == [("cafe\u0301/0.png", "caf\u00e9", ""), ("th\u00e9/0.png", "caf\u00e9", "")]


def test_links_out_of_the_source_are_their_owners(tmp_path):
    write_pictures(tmp_path / "store", {"x": 1})
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "0.png").symlink_to(tmp_path / "store" / "x" / "0.png")
    assert read(tmp_path / "s", "file,label\n0.png,cat\n")[1] == [("0.png", "cat", "")]


def test_images_that_no_row_names_are_counted(photos):
    source, _ = read(photos, rows("file,label", "cat", "dog"), name="part.csv")
    unlisted = {name for name, reason in source.ignored.items() if reason == "images that no row names"}
    assert unlisted == {f"p/{n}.png" for n in range(2, 6)}
    alone = open_source(Settings(source=str(photos / "part.csv")), photos)
    assert len(list(alone.items())) == 2
    assert set(alone.ignored) == unlisted  # type: ignore[attr-defined]


def test_a_class_table_that_contradicts_itself(photos):
    (photos / "c.csv").write_text("1,cat\n1,dog\n")
    with pytest.raises(KedjaError, match=r"c\.csv line 2 names the class 1 'dog', before it was 'cat'"):
        Index(Directory(photos), ["t.csv"], Columns(), "c.csv:1:2")


@pytest.mark.parametrize("text", ["cat,p/0.png\ndog,p/1.png\n", "cat;p/0.png\ndog;p/1.png\n"])
def test_without_names_the_label_is_the_column_that_is_left(photos, text):
    assert labels(photos, text, path="2") == ["cat", "dog"]


def test_without_names_and_with_several_columns_left_the_label_is_asked_for(photos):
    text = "train,p/0.png,cat\ntest,p/1.png,dog\n"
    with pytest.raises(KedjaError, match=r"which of its 3 columns is the label(.|\n)*label=3"):
        read(photos, text, path="2")
    assert read(photos, text, path="2", split="1", label="3")[1] == [
        ("p/0.png", "cat", "train"),
        ("p/1.png", "dog", "test"),
    ]
    # As published files have it: path, label, and more.
    assert labels(photos, "p/0.png,cat,7\np/1.png,dog,8\n") == ["cat", "dog"]


def test_a_split_that_is_stated_is_no_label(photos):
    with pytest.raises(KedjaError, match="is the label"):
        read(photos, "p/0.png,train,cat\np/1.png,test,dog\n", split="2")


def test_two_columns_of_one_name_are_told_apart_by_number(photos):
    text = rows("file,label,label", "cat,1", "dog,2")
    with pytest.raises(KedjaError, match=r"several columns 'label'(.|\n)*label=2"):
        read(photos, text)
    assert labels(photos, text, path="file", label="3") == ["1", "2"]


def test_a_first_line_whose_image_is_missing_is_no_header(photos):
    found = read(photos, "p/gone.png,target\np/0.png,cat\np/1.png,dog\n")[1]
    assert found[0] == ("p/gone.png", "target", "")


def test_a_first_line_that_is_taken_for_names_is_said(photos):
    source, _ = read(photos, rows("Bild,Befund", "benign", "malign"))
    assert source.notes == ["t.csv: the first line is taken for names of columns: Bild, Befund"]
