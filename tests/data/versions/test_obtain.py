import shutil

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.dvc import cache_folder, run_dvc
from kedja.data.versions.ensure import ensure
from kedja.data.versions.folder_hash import read_folder
from kedja.data.versions.obtain import obtain
from kedja.data.versions.pins import read_pins
from support.pictures import encode, picture, write_pictures


def test_dvc_agrees_with_the_pin(pets):
    status = run_dvc(pets, "status")
    assert "up to date" in status.stdout
    assert read_pins(pets)["pets"].hash == read_folder(pets / "data" / "pets").hash


def test_a_damaged_file_is_named_and_repaired_from_the_cache(pets, capsys):
    images = pets / "data" / "pets" / "images.npy"
    good = images.read_bytes()
    images.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    ensure("pets", pets)
    assert "images.npy changed" in capsys.readouterr().err
    assert images.read_bytes() == good


def test_a_damaged_cache_is_no_obstacle(pets, capsys):
    shutil.rmtree(pets / "data" / "pets")
    for path in cache_folder(pets).rglob("*"):
        if path.is_file() and path.stat().st_size > 5000:
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-7])
    ensure("pets", pets)
    assert "damaged" in capsys.readouterr().err
    assert read_folder(pets / "data" / "pets").hash == read_pins(pets)["pets"].hash


def test_a_missing_folder_comes_from_its_source_where_the_cache_is_empty(pets):
    shutil.rmtree(pets / "data")
    shutil.rmtree(pets / ".dvc" / "cache")
    ensure("pets", pets)
    assert read_folder(pets / "data" / "pets").hash == read_pins(pets)["pets"].hash
    assert cache_folder(pets).is_dir()


def test_a_source_that_gives_something_else_is_refused_until_accepted(pets):
    shutil.rmtree(pets / "data")
    shutil.rmtree(pets / ".dvc" / "cache")
    (pets / "photos" / "cat" / "0.png").write_bytes(encode(picture(777)))
    with pytest.raises(KedjaError, match="accept=true"):
        ensure("pets", pets)
    before = read_pins(pets)["pets"].hash
    obtain("pets", pets, accept=True)
    assert read_pins(pets)["pets"].hash != before
    ensure("pets", pets)


def test_a_changed_source_that_is_named_again_is_prepared_again(pets, capsys):
    (pets / "photos" / "cat" / "new.png").write_bytes(encode(picture(778)))
    obtain("pets", pets, Settings(source=str(pets / "photos")))
    assert "Commit it" in capsys.readouterr().err
    assert len(load(pets / "data" / "pets")) == 41


def test_another_data_set_leaves_the_first_one_alone(pets):
    before = read_pins(pets)["pets"]
    write_pictures(pets / "more", {"x": 12, "y": 12})
    shutil.rmtree(pets / "data" / "pets")
    obtain("letters", pets, Settings(source=str(pets / "more")))
    assert read_pins(pets)["pets"] == before
    assert set(read_pins(pets)) == {"letters", "pets"}
    ensure("pets", pets)


def test_nothing_changed_reads_nothing(pets, monkeypatch):
    monkeypatch.setattr("kedja.data.versions.folder_hash.md5", None)
    assert ensure("pets", pets) == pets / "data" / "pets"


def test_an_unknown_name_says_which_are_known(pets):
    with pytest.raises(KedjaError, match="known: digits, pets"):
        ensure("cars", pets)


def test_without_dvc_a_data_set_is_still_made(tmp_path):
    write_pictures(tmp_path / "photos", {"a": 10, "b": 10})
    folder = obtain("things", tmp_path, Settings(source=str(tmp_path / "photos")))
    assert np.asarray(load(folder).labels).tolist() == [0] * 10 + [1] * 10
    assert not (tmp_path / "data.dvc").exists()
