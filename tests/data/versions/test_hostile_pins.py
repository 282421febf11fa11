"""A colleague's `data.dvc`, or a name given by hand, that would lead out of `data/`."""

import shutil

import pytest
import yaml

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.versions.dvc import cache_folder, cached_files, drop_damaged
from kedja.data.versions.ensure import ensure
from kedja.data.versions.obtain import obtain
from kedja.data.versions.pins import PINS, read_pins
from kedja.data.versions.remote import pull, status
from support.pictures import write_pictures

NAMES = ["../../victim", "../victim", "/tmp/victim", "a/../../victim", "..", "."]


@pytest.fixture
def victim(tmp_path):
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    root = tmp_path / "a/project"
    root.mkdir(parents=True)
    yield root
    assert (folder / "thesis.tex").read_text() == "years of work"
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere(victim, name):
    with pytest.raises(KedjaError, match="no plain name"):
        ensure(name, victim)
    with pytest.raises(KedjaError, match="no plain name"):
        obtain(name, victim, Settings(source="digits"))
    assert list(victim.iterdir()) == []


def pin(root, **changes):
    out = {"path": "data/pets", "md5": "0" * 32 + ".dir", "hash": "md5", "meta": {"made_with": {"source": "digits"}}}
    top = {"outs": [{**out, **changes}]}
    (root / PINS).write_text(yaml.safe_dump(top))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "data/../../victim"}, "which is no data/<name>"),
        ({"path": "../victim"}, "which is no data/<name>"),
        ({"path": "data/.."}, "no plain name"),
        ({"path": "victim"}, "which is no data/<name>"),
        ({"path": 3}, "damaged"),
        ({"md5": "../../../victim/thesis.tex"}, "no folder's hash|no hash of a folder"),
        ({"md5": 5}, "no folder's hash|no hash of a folder"),
        ({"meta": {"made_with": {"source": 3}}}, "source is not a string"),
        ({"meta": {"made_with": {"jobs": "many"}}}, "jobs is not a whole number"),
        ({"meta": {"made_with": {"colour": "red"}}}, "unknown fields"),
    ],
)
def test_a_pin_that_leads_elsewhere(victim, changes, message):
    pin(victim, **changes)
    for look in (read_pins, status, lambda root: ensure("pets", root)):
        with pytest.raises(KedjaError, match=message):
            look(victim)


def test_pins_that_work_in_another_folder(victim):
    pin(victim)
    text = (victim / PINS).read_text()
    (victim / PINS).write_text("wdir: ../..\n" + text)
    with pytest.raises(KedjaError, match="leads elsewhere"):
        read_pins(victim)


def test_a_listing_in_the_cache_that_leads_elsewhere(pets):
    digest = read_pins(pets)["pets"].hash
    listing = cache_folder(pets) / digest[:2] / digest[2:]
    outside = pets / "outside"
    outside.write_text("not an object")
    listing.chmod(0o644)
    listing.write_text('[{"relpath": "x", "md5": "../../../../../outside"}]')
    assert cached_files(pets, digest) is None
    drop_damaged(pets, digest)
    assert outside.exists()


def test_a_folder_that_is_no_data_set_stays(pets):
    """Somebody's own photographs under the name that a colleague pinned."""
    folder = pets / "data/pets"
    shutil.rmtree(folder)
    write_pictures(folder, {"cat": 2})
    before = sorted(path.name for path in folder.rglob("*"))
    for repair in (lambda: ensure("pets", pets), lambda: obtain("pets", pets, accept=True)):
        with pytest.raises(KedjaError, match="nothing that this may replace"):
            repair()
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_status_reads_bytes(pets):
    """One flipped bit, size and time kept: what bit rot looks like."""
    import os

    assert [one.here for one in status(pets)] == ["verified"]
    path = pets / "data/pets/images.npy"
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [one.here for one in status(pets)] == ["images.npy changed"]


def test_a_pull_replaces_no_foreign_folder(pets, tmp_path):
    from kedja.data.versions.dvc import run_dvc

    run_dvc(pets, "remote", "add", "-d", "storage", str(tmp_path / "remote"))
    folder = pets / "data/pets"
    shutil.rmtree(folder)
    write_pictures(folder, {"cat": 2})
    with pytest.raises(KedjaError, match="nothing that this may replace"):
        pull(pets)
    assert any(folder.rglob("*.png"))
