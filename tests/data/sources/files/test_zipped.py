import errno
import os
import pickle
import shutil
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.bundle.inputs.image.preprocess import ImageError
from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.files import archive
from kedja.data.sources.files.archive import unpack
from kedja.data.sources.files.tree import Directory, walk
from kedja.data.sources.files.zipped import open_zip
from kedja.data.sources.registry import open_source
from support.pictures import write_pictures

FILES = {
    "b/10.png": b"ten",
    "b/9.png": b"nine" * 1000,
    "a.txt": b"",
    "b/deep/er/x.JPG": b"x",
    "b/__pycache__/no.png": b"n",
    ".hidden/no.png": b"n",
    "__MACOSX/b/._9.png": b"n",
}


def packed(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return path


def names(tree):
    return (folder + name for folder, entries in walk(tree) for name in entries.files)


def written(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_the_tree_that_its_folder_is(tmp_path, method):
    folder = Directory(written(tmp_path / "f", FILES))
    tree = open_zip(packed(tmp_path / "f.zip", FILES, method))
    assert list(names(tree)) == list(names(folder)) == ["a.txt", "b/10.png", "b/9.png", "b/deep/er/x.JPG"]
    for name in names(folder):
        # As it arrives in a worker process.
        ours = pickle.loads(pickle.dumps(tree.file(name)))
        theirs = folder.file(name)
        assert (ours.read_bytes(), ours.size(), ours.suffix) == (theirs.read_bytes(), theirs.size(), theirs.suffix)
    assert list(names(tree.below("b/"))) == list(names(folder.below("b/")))
    assert tree.below("b/deep/").file("./er/x.JPG").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../b/9.png", "b/../../x", "/etc/passwd"])
def test_no_name_leads_outside(tmp_path, name):
    assert open_zip(packed(tmp_path / "f.zip", FILES)).inside(name) is None
    assert Directory(written(tmp_path / "f", FILES)).inside(name) is None


def test_a_file_that_is_not_there_says_so_when_it_is_read(tmp_path):
    for tree in (open_zip(packed(tmp_path / "f.zip", FILES)), Directory(written(tmp_path / "f", FILES))):
        assert not tree.has("b/none.png")
        assert tree.file("b/none.png").size() == 0
        with pytest.raises(FileNotFoundError):
            tree.file("b/none.png").read_bytes()


def test_bytes_before_the_archive_do_not_matter(tmp_path):
    path = packed(tmp_path / "f.zip", FILES)
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())
    assert open_zip(path).file("b/10.png").read_bytes() == b"ten"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("where", ["header", "content"])
def test_a_damaged_member_is_one_bad_image(tmp_path, method, where):
    path = packed(tmp_path / "f.zip", {"a/0.png": bytes(range(256)), "a/1.png": b"whole"}, method)
    data = bytearray(path.read_bytes())
    data[0 if where == "header" else 60] ^= 0xFF
    path.write_bytes(data)
    tree = open_zip(path)
    with pytest.raises(ImageError, match=r"damaged inside f\.zip"):
        tree.file("a/0.png").read_bytes()
    assert tree.file("a/1.png").read_bytes() == b"whole"


def test_a_damaged_image_is_listed_and_the_others_are_kept(tmp_path):
    source = write_pictures(tmp_path / "s", {"cat": 8, "dog": 8})
    files = {str(path.relative_to(source)): path.read_bytes() for path in sorted(source.rglob("*.png"))}
    path = packed(tmp_path / "s.zip", files, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(files["cat/3.png"], bytes(len(files["cat/3.png"]))))
    settings = Settings(source=str(path), on_error="skip")
    prepare(open_source(settings, tmp_path / ".work"), tmp_path / "x", settings)
    assert len(load(tmp_path / "x")) == 15
    assert "cat/3.png,,cat,corrupt,its bytes are damaged inside s.zip" in (tmp_path / "x/rejected.csv").read_text()


def test_nothing_is_written_beside_the_data_set(tmp_path):
    source = write_pictures(tmp_path / "s", {"cat": 8, "dog": 8})
    files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*.png")}
    settings = Settings(source=str(packed(tmp_path / "s.zip", files)))
    (tmp_path / "data").mkdir()
    opened = open_source(settings, tmp_path / "data" / ".x.source")
    assert len(list(opened.items())) == 16
    assert not list((tmp_path / "data").iterdir())


def test_an_index_file_in_a_zip_gives_what_it_gives_in_a_folder(tmp_path):
    source = write_pictures(tmp_path / "s", {"in/pictures": 3})
    table = "file,label\npictures/0.png,cat\n./pictures/1,dog\npictures/2,cat\npictures/7.png,dog\n"
    (source / "in/labels.csv").write_text(table.replace("/1,", "/1.png,").replace("/2,", "/2.png,"))
    files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*.*")}
    found = []
    for place in (source, packed(tmp_path / "s.zip", files)):
        opened = open_source(Settings(source=str(place), index=["labels.csv"]), tmp_path / ".work")
        found.append([(i.id, i.label, i.content.size()) for i in opened.items()])  # type: ignore[operator]
    assert found[0] == found[1]
    assert [name for name, _, size in found[0] if size == 0] == ["pictures/7.png"]


def test_a_replaced_image_changes_the_state_and_a_copied_archive_does_not(tmp_path):
    files = {"a/0.png": b"one", "a/1.png": b"two"}
    first, copied = (open_zip(packed(tmp_path / name, files)) for name in ("1.zip", "2.zip"))
    changed = open_zip(packed(tmp_path / "3.zip", files | {"a/0.png": b"new"}))
    assert first.file("a/0.png").state() == copied.file("a/0.png").state() != changed.file("a/0.png").state()


def test_links_are_left_out_and_counted(tmp_path):
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as opened:
        link = zipfile.ZipInfo("a/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
        opened.writestr("a/real.png", b"x")
    opened = open_zip(tmp_path / "l.zip")  # type: ignore[assignment]
    assert list(names(opened)) == ["a/real.png"]
    assert opened.left_out == {"a/link.png": "links inside the archive"}  # type: ignore[attr-defined]


def test_a_file_named_twice_is_refused(tmp_path):
    path = packed(tmp_path / "t.zip", {"a/0.png": b"x", "a/1.png": b"y"})
    path.write_bytes(path.read_bytes().replace(b"a/1.png", b"a/0.png"))
    with pytest.raises(KedjaError, match=r"holds a/0\.png twice"):
        open_zip(path)


def test_a_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "RATIO_FROM", 1000)
    with pytest.raises(KedjaError, match="unpacks to more"):
        open_zip(packed(tmp_path / "b.zip", {"a/0.png": bytes(10_000_000)}))


def test_a_member_that_unpacks_to_more_than_it_claims_is_damaged(tmp_path):
    path = packed(tmp_path / "b.zip", {"a/0.png": bytes(10_000_000)})
    path.write_bytes(path.read_bytes().replace((10_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    tree = open_zip(path)
    assert tree.file("a/0.png").size() == 1000
    with pytest.raises(ImageError, match="damaged"):
        tree.file("a/0.png").read_bytes()


def test_an_encrypted_archive_is_refused(tmp_path):
    path = packed(tmp_path / "e.zip", {"a/0.png": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(KedjaError, match=r"a/0\.png is encrypted"):
        open_zip(path)


def test_a_rare_method_is_left_to_unpacking(tmp_path):
    path = packed(tmp_path / "r.zip", FILES, zipfile.ZIP_LZMA)
    assert open_zip(path) is None
    items = open_source(Settings(source=str(path), label="top"), tmp_path / ".work").items()
    assert [item.content.read_bytes() for item in items] == [b"ten", b"nine" * 1000, b"x"]


def test_an_archive_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    file = packed(tmp_path / "p.zip", FILES)

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(zipfile, "ZipFile", refused)
    with pytest.raises(KedjaError, match=r"p\.zip cannot be read: Permission denied"):
        open_zip(file)


@given(data=st.data())
def test_damage_to_the_directory_is_one_clear_refusal_or_one_bad_image(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage")
    file = packed(folder / "p.zip", {f"a/{i}.txt": b"hello" * 20 for i in range(3)})
    damaged = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(damaged)
    try:
        tree = open_zip(file)
        for name in names(tree) if tree else []:
            assert tree.file(name).read_bytes() == b"hello" * 20
    except (KedjaError, ImageError):
        pass
    finally:
        shutil.rmtree(folder)


def renamed(path, placeholder, name):
    """A zip with a name in bytes and no word of what they are, as many programs write them."""
    packed(path, {f"a/{placeholder}.png": b"x", "a/plain.png": b"y"})
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), name))
    return path


def test_names_without_the_mark_of_utf8_are_utf8_where_they_can_be(tmp_path):
    path = renamed(tmp_path / "u.zip", "cafXX", "caf\u00e9".encode())
    assert list(names(open_zip(path))) == ["a/caf\u00e9.png", "a/plain.png"]


def test_other_names_are_asked_for_and_read_as_stated(tmp_path):
    path = renamed(tmp_path / "o.zip", "XXYY", "\u5199\u771f".encode("cp932"))
    with pytest.raises(KedjaError, match=r"o\.zip: the name a/(.|\n)*encoding=cp850"):
        open_zip(path)
    assert list(names(open_zip(path, "cp932"))) == ["a/plain.png", "a/\u5199\u771f.png"]
    unpacked = unpack(path, tmp_path / "out", "cp932")
    assert sorted(p.name for p in (unpacked / "a").iterdir()) == ["plain.png", "\u5199\u771f.png"]
