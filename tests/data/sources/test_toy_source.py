"""A source that is registered at run time is prepared, pinned, verified, made again, and trained on."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources import registry
from kedja.data.sources.source import Item
from kedja.data.versions.obtain import obtain
from kedja.runs.read import read_run
from kedja.training.config.compose import compose
from kedja.training.loop.train import train

SIZES = {"train": 120, "val": 40, "test": 40}


class Stripes:
    """Upright and lying stripes with its own splits; whoever asks for `salt` gets other ones."""

    kind, title, licence = "image", "stripes", "CC0-1.0"
    image, tree = ImageSpec(8, 8, 1), None
    classes: ClassVar = ["upright", "lying"]
    walks = 0

    def __init__(self, salt: int) -> None:
        self.salt = salt

    def items(self) -> Iterator[Item]:
        type(self).walks += 1
        rng = np.random.default_rng(self.salt)
        for split, size in SIZES.items():
            for number in range(size):
                lying = number % 2
                image = np.tile(np.array([40, 200], np.uint8), (8, 4)) + rng.integers(0, 40, (8, 8), dtype=np.uint8)
                yield Item(f"{split}-{number:03d}", self.classes[lying], image.T if lying else image, split)


@pytest.fixture
def stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Stripes]:
    def opened(settings: Settings, work: Path) -> Any:
        return Stripes(int(settings.source.partition(":")[2]))

    entry = ("stripes:<salt>", lambda settings: settings.source.startswith("stripes:"), opened)
    monkeypatch.setattr(registry, "SOURCES", [*registry.SOURCES, entry])
    monkeypatch.setattr(Stripes, "walks", 0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    return Stripes


def test_it_goes_from_preparation_to_a_trained_run(stripes: type[Stripes], tmp_path: Path) -> None:
    folder = obtain("stripes", tmp_path, Settings(source="stripes:1", jobs=1))
    assert stripes.walks == 1
    dataset = load(folder)
    assert (dataset.classes, dataset.input) == (stripes.classes, ImageSpec(8, 8, 1))
    assert {split: len(dataset.split(split)) for split in SIZES} == SIZES
    items = list(stripes(1).items())
    for position in (0, 125, 199):
        item = next(one for one in items if one.id == dataset.ids[position])
        assert (dataset.pixels(np.array([position]))[0, ..., 0] == item.content).all()
    # What `data.dvc` records is enough to make it again, bit for bit.
    before = dataset.hash
    shutil.rmtree(tmp_path / "data")
    assert load(obtain("stripes", tmp_path)).hash == before
    assert stripes.walks == 3
    run = read_run(train(compose(["experiment=plain", "model=cnn", "model.width=0.25", "data=stripes", "epochs=3"])))
    assert run.data == {"name": "stripes", "hash": before}
    assert run.validation["accuracy"] > 0.9


def test_another_of_its_kind_is_another_source(stripes: type[Stripes], tmp_path: Path) -> None:
    obtain("stripes", tmp_path, Settings(source="stripes:1", jobs=1))
    with pytest.raises(KedjaError, match="stripes:1"):
        obtain("stripes", tmp_path, Settings(source="stripes:2", jobs=1))


def test_what_nobody_knows_is_refused_with_it_among_the_known(stripes: type[Stripes], tmp_path: Path) -> None:
    (tmp_path / "notes.xyz").touch()
    with pytest.raises(KedjaError, match="stripes:<salt>"):
        obtain("other", tmp_path, Settings(source=str(tmp_path / "notes.xyz"), jobs=1))
