"""Which source a data set is made from: never another one silently, and no more of this machine than must be."""

import os

import pytest

from kedja.common.errors import KedjaError
from kedja.data.names import data_set_name
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.ensure import ensure
from kedja.data.versions.obtain import obtain
from kedja.data.versions.pins import read_pins
from support.pictures import write_pictures


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("", "digits"),
        ("digits", "digits"),
        ("torchvision:CIFAR10", "cifar10"),
        ("some/My Photos.v2.zip", "my-photos"),
        ("Gr\u00f6\u00dfe/", "gro-e"),
        ("\u5199\u771f2024", "2024"),
    ],
)
def test_a_name_is_made_from_the_source(source, name):
    assert data_set_name("", source) == name


@pytest.mark.parametrize("source", ["\u5199\u771f", "\u5199\u771f.zip", "/"])
def test_where_no_name_can_be_made_it_is_asked_for(source):
    with pytest.raises(KedjaError, match="data=flowers"):
        data_set_name("", source)


def test_the_folder_one_stands_in_gives_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "birds").mkdir()
    monkeypatch.chdir(tmp_path / "birds")
    assert data_set_name("", ".") == "birds"


def test_another_source_does_not_replace_a_data_set(pets):
    before = read_pins(pets)["pets"]
    other = Settings(source=str(write_pictures(pets / "other", {"x": 12, "y": 12})))
    with pytest.raises(KedjaError, match=r"data/pets is made from source=photos, not from .*(.|\n)*replace=true"):
        obtain("pets", pets, other)
    assert read_pins(pets)["pets"] == before
    assert load(ensure("pets", pets)).classes == ["cat", "dog"]
    assert load(obtain("pets", pets, other, replace=True)).classes == ["x", "y"]
    assert read_pins(pets)["pets"].settings.source == "other"


def test_nor_one_that_is_not_pinned(tmp_path):
    one, other = (write_pictures(tmp_path / name, {"a": 10, "b": 10}) for name in ("one", "other"))
    obtain("things", tmp_path, Settings(source=str(one)))
    with pytest.raises(KedjaError, match="replace=true"):
        obtain("things", tmp_path, Settings(source=str(other)))


def test_the_same_source_spelled_otherwise_is_the_same(pets):
    before = read_pins(pets)["pets"]
    obtain("pets", pets, Settings(source=f"{pets}/photos/../photos/"))
    assert read_pins(pets)["pets"].hash == before.hash


def test_a_source_inside_the_repository_is_recorded_relative_to_it(pets):
    assert read_pins(pets)["pets"].settings.source == "photos"
    assert os.fspath(pets) not in (pets / "data.dvc").read_text()


def test_a_source_elsewhere_is_recorded_and_said(pets, tmp_path, capsys):
    obtain("things", pets, Settings(source=str(write_pictures(tmp_path / "elsewhere", {"a": 10, "b": 10}))))
    assert "which other machines do not have" in capsys.readouterr().err


def test_a_folder_called_digits_is_not_the_embedded_digits(pets, monkeypatch):
    monkeypatch.chdir(pets)
    write_pictures(pets / "digits", {"one": 12, "two": 12})
    obtain("mine", pets, Settings(source="./digits"))
    assert read_pins(pets)["mine"].settings.source == "./digits"
    assert load(ensure("mine", pets)).classes == ["one", "two"]
