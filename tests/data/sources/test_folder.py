import pytest

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import Directory
from kedja.data.sources.folder import Folder
from support.pictures import encode, picture, write_pictures


def labels(root, **options):
    return {item.id: (item.split, item.label) for item in Folder(Directory(root), **options).items()}


def test_a_folder_per_class(tmp_path):
    write_pictures(tmp_path, {"cat": 1, "dog": 1})
    assert labels(tmp_path) == {"cat/0.png": ("", "cat"), "dog/0.png": ("", "dog")}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "val", "test"), ("train", "val", "test")),
        (("Training", "Valid", "TESTING"), ("train", "val", "test")),
    ],
)
def test_split_folders_above_by_their_usual_names(tmp_path, names, splits):
    write_pictures(tmp_path, {f"{name}/cat": 1 for name in names})
    assert {split for split, _ in labels(tmp_path).values()} == {"train", "val", "test"}


@pytest.mark.parametrize(("label", "expected"), [("parent", "golden"), ("top", "fruit"), ("path:2", "apple")])
def test_the_label_at_any_depth(tmp_path, label, expected):
    write_pictures(tmp_path, {"train/fruit/apple/golden": 1, "val/fruit/apple/golden": 1})
    assert {found for _, found in labels(tmp_path, label=label).values()} == {expected}


def test_a_class_called_test_is_no_split(tmp_path):
    write_pictures(tmp_path, {"test": 1, "cat": 1})
    assert labels(tmp_path)["test/0.png"] == ("", "test")


def test_one_folder_around_everything_is_no_class(tmp_path):
    write_pictures(tmp_path, {"photos/cat": 1, "photos/dog": 1})
    assert labels(tmp_path) == {"cat/0.png": ("", "cat"), "dog/0.png": ("", "dog")}


def test_clutter_is_left_out_and_other_files_are_remembered(tmp_path):
    write_pictures(tmp_path, {"cat": 1, "dog": 1, "__MACOSX/cat": 1})
    (tmp_path / "cat" / "._0.png").write_bytes(b"clutter")
    (tmp_path / "cat" / "notes.txt").write_text("notes")
    source = Folder(Directory(tmp_path))
    assert {item.id for item in source.items()} == {"cat/0.png", "dog/0.png"}
    assert source.ignored == {
        "__MACOSX/": "folders of the system",
        "cat/._0.png": "hidden files",
        "cat/notes.txt": "files that are no images by their suffix",
    }


def test_the_order_is_the_same_whatever_the_file_system_says(tmp_path):
    for name in ("b/2", "a/10", "a/9", "b/1"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture(1)))
    assert [item.id for item in Folder(Directory(tmp_path)).items()] == ["a/10.png", "a/9.png", "b/1.png", "b/2.png"]


@pytest.mark.parametrize(
    ("label", "message"), [("path:7", "needs more"), ("path:x", "names no folder"), ("middle", "names no folder")]
)
def test_a_label_that_names_no_folder(tmp_path, label, message):
    write_pictures(tmp_path, {"a": 1, "b": 1})
    with pytest.raises(KedjaError, match=message):
        labels(tmp_path, label=label)


def test_images_without_a_class_folder(tmp_path):
    (tmp_path / "0.png").write_bytes(encode(picture(1)))
    with pytest.raises(KedjaError, match="lies in no class folder"):
        labels(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(KedjaError, match="holds no images"):
        labels(tmp_path)
