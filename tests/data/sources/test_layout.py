"""Splits and classes by folders: used, said or refused."""

import os
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import Directory
from kedja.data.sources.folder import Folder
from support.pictures import encode, picture, write_pictures


def listed(root, **options):
    source = Folder(Directory(root), **options)
    return source, {item.id: (item.split, item.label) for item in source.items()}


def test_splits_beside_other_folders_are_used(tmp_path):
    write_pictures(tmp_path, {"train/cat": 1, "val/cat": 1, "test/cat": 1, "docs": 1})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "best.pt").write_bytes(b"weights")
    source, found = listed(tmp_path)
    assert found == {f"{split}/cat/0.png": (split, "cat") for split in ("train", "val", "test")}
    assert source.ignored == {
        "docs/0.png": "images outside the folders of the splits",
        "models/best.pt": "files that are no images by their suffix",
    } | {"models/": "folders without images"}


def test_an_unlabelled_test_folder_is_counted(tmp_path):
    write_pictures(tmp_path, {"train/cat": 1, "train/dog": 1, "test": 2})
    source, found = listed(tmp_path)
    assert set(found) == {"train/cat/0.png", "train/dog/0.png"}
    assert source.ignored == dict.fromkeys(["test/0.png", "test/1.png"], "images of a split without class folders")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"val/cat": 1, "test/cat": 1}, "nothing to train on"),
        ({"cat": 1, "dog": 1, "test/cat": 1}, "nothing to train on"),
        ({"train": 1, "test": 1}, "names of splits"),
        ({"cat/train": 1, "cat/test": 1, "dog/train": 1}, "names of splits"),
        ({"a/train/cat": 1, "a/test/cat": 1, "b/train/cat": 1}, "look like splits and are not on top: test, train"),
    ],
)
def test_splits_that_cannot_be_used_are_refused(tmp_path, folders, message):
    write_pictures(tmp_path, folders)
    with pytest.raises(KedjaError, match=message):
        listed(tmp_path)


@pytest.mark.parametrize("folders", [{"train/cat": 1, "more/cat": 1}, {"train": 1, "bus": 1}])
def test_a_folder_called_train_that_is_no_split_is_said(tmp_path, folders):
    write_pictures(tmp_path, folders)
    source, found = listed(tmp_path)
    assert {split for split, _ in found.values()} == {""}
    assert any(note.startswith("train/ may be a split and is") for note in source.notes)


def test_notes_and_annotations_beside_the_only_folder_do_not_hide_its_splits(tmp_path):
    write_pictures(tmp_path, {"photos/train/cat": 1, "photos/test/cat": 1})
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.xml").write_text("<a/>")
    source, found = listed(tmp_path)
    assert found == {f"{split}/cat/0.png": (split, "cat") for split in ("train", "test")}
    assert set(source.ignored) == {"README.md", "annotations/a.xml"}


def test_classes_of_several_folders_and_depths_are_said(tmp_path):
    write_pictures(tmp_path, {"apple/green": 1, "pear/green": 1, "plum": 1})
    source, found = listed(tmp_path)
    assert {label for _, label in found.values()} == {"green", "plum"}
    assert [note.split(",")[0] for note in source.notes] == [
        "images lie 1 to 2 folders deep; the class is the nearest one (label=top takes the first",
        "1 classes are made of several folders",
    ]
    assert not listed(tmp_path, label="parent")[0].notes


def test_class_names_are_one_whatever_their_unicode_form(tmp_path):
    write_pictures(tmp_path, {"train/caf\u00e9": 1, "test/cafe\u0301": 1, "train/tea": 1})
    source, found = listed(tmp_path)
    assert {label for _, label in found.values()} == {"caf\u00e9", "tea"}
    assert not source.notes


def test_class_folders_that_are_links_are_followed(tmp_path):
    write_pictures(tmp_path / "elsewhere", {"dog": 2})
    write_pictures(tmp_path / "s", {"cat": 1})
    (tmp_path / "s" / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
    (tmp_path / "s" / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "s" / "cat" / "gone.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "s" / "cat" / "loop").symlink_to(tmp_path / "s")
    (tmp_path / "elsewhere" / "dog" / "back").symlink_to(tmp_path)
    source, found = listed(tmp_path / "s")
    assert set(found) == {"cat/0.png", "dog/0.png", "dog/1.png"}
    assert source.ignored == {
        "dangling": "links to nothing",
        "cat/gone.png": "links to nothing",
        "cat/loop": "links back to a folder above them",
        "dog/back": "links back to a folder above them",
    }


def test_other_formats_and_empty_folders_are_counted(tmp_path):
    write_pictures(tmp_path, {"cat": 1, "dog": 1, "hare": 0})
    (tmp_path / "cat" / "raw.CR2").write_bytes(b"raw")
    source, _ = listed(tmp_path)
    assert source.ignored == {
        "cat/raw.CR2": "images of formats that are not read",
        "hare/": "folders without images",
    }


def test_heic_images_are_listed_and_only_heic_is_refused(tmp_path):
    write_pictures(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "cat" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    assert "cat/phone.HEIC" in listed(tmp_path)[1]
    for name in ("cat/0.png", "dog/0.png"):
        (tmp_path / name).unlink()
    with pytest.raises(KedjaError, match="HEIC images only"):
        listed(tmp_path)


def test_a_name_that_is_no_text_is_refused_for_an_image_and_counted_else(tmp_path):
    write_pictures(tmp_path, {"cat": 1, "dog": 1})
    odd = os.fsdecode(bytes(tmp_path / "cat") + b"/caf\xe9.")
    Path(f"{odd}txt").write_bytes(b"notes")
    assert listed(tmp_path)[0].ignored == {"cat/caf\\xe9.txt": "files whose names are no UTF-8"}
    Path(f"{odd}png").write_bytes(encode(picture(1)))
    with pytest.raises(KedjaError, match=r"the name caf\\xe9\.png is no UTF-8"):
        listed(tmp_path)
