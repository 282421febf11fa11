import io
import tarfile
import zipfile

import pytest

from kedja.bundle.errors import KedjaError
from kedja.data.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources import archive as module
from kedja.data.sources.archive import unpack
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
    monkeypatch.setattr(module, "_write_all", None)
    unpack(file, tmp_path / "out")


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


def test_links_are_left_out(tmp_path, capsys):
    with tarfile.open(tmp_path / "l.tar", "w") as opened:
        link = tarfile.TarInfo("a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
        member = tarfile.TarInfo("a/real.png")
        member.size = 1
        opened.addfile(member, io.BytesIO(b"x"))
    unpack(tmp_path / "l.tar", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "a").iterdir()] == ["real.png"]
    assert "left out" in capsys.readouterr().err


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
