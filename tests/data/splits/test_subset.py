import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import PreparedDataset, load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from kedja.data.splits.subset import NOWHERE, TEST, TRAIN, VAL, Subset, take
from support.pictures import encode, write_pictures


def test_every_image_but_the_tests_validates_once_and_classes_keep_their_shares(digits: PreparedDataset) -> None:
    folds = [take(digits, Subset(5, fold)).splits for fold in range(5)]
    pool = digits.splits != TEST
    assert (np.sum([splits == VAL for splits in folds], axis=0) == pool).all()
    for splits in folds:
        assert ((splits == TEST) == ~pool).all()
        assert ((splits == TRAIN) == (pool & (splits != VAL))).all()
        counts = np.bincount(digits.labels[splits == VAL], minlength=10)
        assert np.abs(counts - np.bincount(digits.labels[pool]) / 5).max() <= 1
    assert np.array_equal(take(digits, Subset(5, 2)).splits, folds[2])


def test_the_folds_of_another_seed_are_others(digits: PreparedDataset) -> None:
    settings = {**digits.description, "settings": {"seed": 1}}
    other = take(replace(digits, description=settings), Subset(5, 0)).splits
    assert not np.array_equal(other, take(digits, Subset(5, 0)).splits)


def test_shares_are_nested_stratified_and_drawn_anew(digits: PreparedDataset) -> None:
    training = digits.splits == TRAIN
    tenth, half = (take(digits, Subset(fraction=fraction)).splits for fraction in (0.1, 0.5))
    assert ((tenth == TRAIN) <= (half == TRAIN)).all()
    assert ((half == TRAIN) <= training).all()
    assert (half[training & (half != TRAIN)] == NOWHERE).all()
    assert np.array_equal(half[~training], digits.splits[~training])
    counts, whole = (np.bincount(digits.labels[chosen], minlength=10) for chosen in (half == TRAIN, training))
    assert np.abs(counts - whole / 2).max() <= 0.5
    assert not np.array_equal(take(digits, Subset(fraction=0.5, draw=1)).splits, half)
    assert np.bincount(digits.labels[take(digits, Subset(fraction=1e-6)).splits == TRAIN]).tolist() == [1] * 10


def test_a_fold_may_be_thinned_too(digits: PreparedDataset) -> None:
    fold, thinned = take(digits, Subset(4, 1)), take(digits, Subset(4, 1, 0.25))
    assert np.array_equal(fold.split("val"), thinned.split("val"))
    assert set(thinned.split("train")) < set(fold.split("train"))
    assert len(thinned.split("train")) == pytest.approx(len(fold.split("train")) / 4, abs=5)


@pytest.mark.parametrize(
    "wrong", [{"folds": 1}, {"folds": -2}, {"folds": 5, "fold": 5}, {"fold": 1}, {"fraction": 0}, {"fraction": 1.5}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(KedjaError):
        Subset(**wrong)


@pytest.fixture
def belonging(tmp_path: Path) -> PreparedDataset:
    """Pictures 0…59, four a patient; 60…69 are near-duplicates of the first ten, 70…79 their exact copies."""
    source = write_pictures(tmp_path / "source", {"x": 60}, size=(48, 48))
    for number in range(10):
        original = (source / "x" / f"{number}.png").read_bytes()
        image = Image.open(io.BytesIO(original))
        (source / "x" / f"{60 + number}.png").write_bytes(encode(image, "JPEG", quality=70))
        (source / "x" / f"{70 + number}.png").write_bytes(original)
    patients = [f"patient{n // 4}" if n < 60 else "" for n in range(80)]
    lines = [f"x/{n}.png,{'ab'[n % 10 % 2]},{patient}" for n, patient in enumerate(patients)]
    (source / "list.csv").write_text("\n".join(lines))
    settings = Settings(source=str(source), index=["list.csv"], group="3", near_duplicates="group", size="48")
    prepare(open_source(settings, tmp_path / ".source"), tmp_path / "made", settings)
    return load(tmp_path / "made")


def test_groups_copies_and_look_alikes_are_in_one_fold(belonging: PreparedDataset) -> None:
    together = [[n + offset for n in range(first, first + 4) for offset in (0, 60, 70)] for first in (0, 4)]
    together += [[8, 9, 10, 11, 68, 69, 78, 79], *([n, n + 1, n + 2, n + 3] for n in range(12, 60, 4))]
    position = {int(Path(name).stem): index for index, name in enumerate(belonging.ids)}
    validated = np.zeros(len(belonging), int)
    for fold in range(3):
        splits = take(belonging, Subset(3, fold)).splits
        validated += splits == VAL
        for members in together:
            pool = [position[n] for n in members if belonging.splits[position[n]] != TEST]
            assert len(set(splits[pool])) <= 1
    assert np.array_equal(validated == 1, belonging.splits != TEST)
