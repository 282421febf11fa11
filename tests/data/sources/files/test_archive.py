import errno
import io
import os
import shutil
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.files import archive as module
from kedja.data.sources.files.archive import left_out_of, unpack
from kedja.data.sources.registry import open_source
from support.pictures import write_pictures


def packed(source, path, kind):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as opened:
            for file in sorted(source.rglob("*.png")):
                opened.write(file, f"photos/{file.relative_to(source)}")
    else:
        with tarfile.open(path, f"w:{kind}") as opened:
            opened.add(source, "photos")
    return path


@pytest.mark.parametrize(("name", "kind"), [("p.zip", "zip"), ("p.tar", ""), ("p.tar.gz", "gz"), ("p.txz", "xz")])
def test_an_archive_gives_what_its_folder_gives(tmp_path, name, kind):
    source = write_pictures(tmp_path / "source", {"cat": 8, "dog": 8})
    file = packed(source, tmp_path / name, kind)
    hashes = []
    for place, where in (("a", source), ("b", file)):
        settings = Settings(source=str(where))
        prepare(open_source(settings, tmp_path / ".work"), tmp_path / place / "x", settings)
        hashes.append(load(tmp_path / place / "x").hash)
    assert hashes[0] == hashes[1]


def test_unpacked_once_is_not_unpacked_again(tmp_path, monkeypatch):
    file = packed(write_pictures(tmp_path / "s", {"a": 2}), tmp_path / "p.zip", "zip")
    unpack(file, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    monkeypatch.setattr(module, "_write_all", None)
    unpack(file, tmp_path / "out")
    assert len([path for path in before if path.suffix == ".png"]) == 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:/evil.png"])
def test_a_path_that_leaves_its_folder_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as opened:
        opened.writestr(name, b"x")
    with tarfile.open(tmp_path / "e.tar", "w") as opened:
        member = tarfile.TarInfo(name)
        member.size = 1
        opened.addfile(member, io.BytesIO(b"x"))
    for file in ("e.zip", "e.tar"):
        with pytest.raises(KedjaError, match="leaves its folder"):
            unpack(tmp_path / file, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.tar", "e.zip"]


def test_links_are_left_out_and_counted(tmp_path):
    with tarfile.open(tmp_path / "l.tar", "w") as opened:
        link = tarfile.TarInfo("a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
        member = tarfile.TarInfo("a/real.png")
        member.size = 1
        opened.addfile(member, io.BytesIO(b"x"))
    unpack(tmp_path / "l.tar", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "a").iterdir()] == ["real.png"]
    assert left_out_of(tmp_path / "out") == {"a/link.png": "links inside the archive"}


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RATIO_FROM", 1000)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/0.png", bytes(10_000_000))
    with pytest.raises(KedjaError, match="unpacks to more"):
        unpack(tmp_path / "b.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz"])
def test_a_damaged_archive_is_named(tmp_path, name):
    file = packed(write_pictures(tmp_path / "s", {"a": 3}), tmp_path / name, "zip" if name == "d.zip" else "gz")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(KedjaError, match="damaged or encrypted"):
        unpack(file, tmp_path / "out")


def test_a_refusal_of_the_system_is_not_called_damage(tmp_path, monkeypatch):
    file = packed(write_pictures(tmp_path / "s", {"a": 3}), tmp_path / "p.zip", "zip")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "_write_all", full)
    with pytest.raises(KedjaError, match=r"p\.zip cannot be unpacked to .*: No space left on device"):
        unpack(file, tmp_path / "out")


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zip"])
@given(data=st.data())
def test_damage_never_loses_files_silently(tmp_path_factory, kind, data):
    """Where nothing carries a checksum it is left alone: the files of a plain tar, the names in a zip's directory."""
    folder = tmp_path_factory.mktemp("damage")
    files = {f"{i}.bin": bytes([i]) * 600 + bytes(range(256)) for i in range(3)}
    whole = _archive(folder / "a", kind, files)
    places = {
        "": [place for start in range(0, 3 * 1536, 1536) for place in range(start + 124, start + 156)],
        "zip": range(whole.find(b"PK\1\2")),
    }.get(kind, range(len(whole)))
    damaged = bytearray(whole)
    damaged[data.draw(st.sampled_from(places))] ^= data.draw(st.integers(1, 255))
    file = folder / "a.zip" if kind == "zip" else folder / "a.tar"
    file.write_bytes(damaged)
    try:
        found = unpack(file, folder / "out")
    except KedjaError:
        assert [path.name for path in folder.iterdir()] == [file.name]
    else:
        # A changed name or owner, or a bit that nothing reads.
        unpacked = [path.read_bytes() for path in found.rglob("*") if path.name != ".unpacked"]
        assert sorted(unpacked) == sorted(files.values())
    finally:
        shutil.rmtree(folder)


def _archive(path, kind, files):
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in files.items():
                opened.writestr(name, content)
    else:
        with tarfile.open(path, f"w:{kind}") as opened:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                opened.addfile(member, io.BytesIO(content))
    whole = path.read_bytes()
    path.unlink()
    return whole


def test_names_in_a_tar_that_are_no_utf8_are_asked_for(tmp_path):
    with tarfile.open(tmp_path / "t.tar", "w", format=tarfile.GNU_FORMAT, encoding="cp1252") as opened:
        member = tarfile.TarInfo("a/caf\u00e9.png")
        member.size = 1
        opened.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(KedjaError, match=r"the name a/caf\\xe9\.png is no UTF-8"):
        unpack(tmp_path / "t.tar", tmp_path / "out")
    unpack(tmp_path / "t.tar", tmp_path / "out", "cp1252")
    assert [p.name for p in (tmp_path / "out" / "a").iterdir()] == ["caf\u00e9.png"]
