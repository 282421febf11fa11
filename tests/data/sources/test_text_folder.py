import pytest

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from kedja.data.sources.text_folder import TextFolder
from kedja.data.versions.obtain import obtain


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"what {name} says", encoding="utf-8")
    return folder


def items(folder):
    source = open_source(Settings(source=str(folder)), folder.parent / "work")
    assert isinstance(source, TextFolder)
    return sorted((item.id, item.label, item.split) for item in source.items()), source.ignored


def test_a_folder_a_class(tmp_path):
    found, ignored = items(write(tmp_path / "a", "good/1.txt", "good/2.TXT", "bad/1.txt", "README.txt", "bad/x.md"))
    assert found == [("bad/1.txt", "bad", ""), ("good/1.txt", "good", ""), ("good/2.TXT", "good", "")]
    assert set(ignored) == {"README.txt", "bad/x.md"}


def test_folders_of_splits_above(tmp_path):
    found, ignored = items(
        write(tmp_path / "a", "train/good/1.txt", "test/bad/1.txt", "train/bad/2.txt", "unsup/3.txt")
    )
    assert found == [
        ("test/bad/1.txt", "bad", "test"),
        ("train/bad/2.txt", "bad", "train"),
        ("train/good/1.txt", "good", "train"),
    ]
    assert list(ignored) == ["unsup/3.txt"]


def test_texts_beside_images_are_no_folder_of_texts(tmp_path):
    folder = write(tmp_path / "a", "cat/1.txt", "cat/1.jpg")
    assert not isinstance(open_source(Settings(source=str(folder)), tmp_path / "work"), TextFolder)


def test_texts_without_a_class_are_refused(tmp_path):
    folder = write(tmp_path / "a", "train/1.txt", "train/x/y.md", "notes/z.txt")
    with pytest.raises(KedjaError, match="holds no texts with a class"):
        items(folder)


def test_it_is_prepared(tmp_path):
    folder = write(tmp_path / "a", *(f"{'good' if n % 2 else 'bad'}/{n}.txt" for n in range(40)))
    data = load(obtain("t", tmp_path / "data", Settings(source=str(folder), jobs=1)))
    assert (data.kind, len(data), data.classes) == ("text", 40, ["bad", "good"])
    assert data.encoded(0).decode() == f"what {data.ids[0]} says"
