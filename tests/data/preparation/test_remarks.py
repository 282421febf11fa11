"""What `just data` says of classes, labels and splits."""

import numpy as np
import pytest

from kedja.data.audit.audit import audit
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from kedja.data.summary import imbalance
from support.pictures import write_pictures


def said(source, folder, capsys, **settings):
    chosen = Settings(source=str(source), **settings)
    prepare(open_source(chosen, folder.parent / ".source"), folder, chosen)
    return load(folder), capsys.readouterr().err


def test_identical_images_with_different_labels_are_said_as_the_audit_counts_them(tmp_path, capsys):
    source = write_pictures(tmp_path / "s", {"cat": 20, "dog": 20})
    for number in (3, 5):
        (source / "dog" / f"copy{number}.png").write_bytes((source / "cat" / f"{number}.png").read_bytes())
    data, err = said(source, tmp_path / "made", capsys)
    assert "2 sets of identical images with different labels, for example cat/" in err
    assert ".png (cat) = dog/copy" in err
    (finding,) = [f for f in audit(data, judge_labels=False).findings if f.kind == "conflicting-labels"]
    assert finding.count == 2


def test_nothing_is_said_where_nothing_is_odd(tmp_path, capsys):
    _, err = said(write_pictures(tmp_path / "s", {"cat": 20, "dog": 20}), tmp_path / "made", capsys)
    assert "note:" not in err
    assert "ignored:" not in err
    assert "different labels" not in err


@pytest.mark.parametrize(("one", "other"), [("Cat", "cat"), ("cat ", "cat"), ("1", "1.0"), ("big cat", "big_cat")])
def test_classes_that_may_be_one_are_said(tmp_path, capsys, one, other):
    data, err = said(write_pictures(tmp_path / "s", {one: 5, other: 5, "dog": 5}), tmp_path / "made", capsys)
    assert set(data.classes) == {one, other, "dog"}
    assert "classes that may be meant as one: " in err
    assert repr(one) in err
    assert repr(other) in err


def test_a_class_without_a_readable_image_is_said(tmp_path, capsys):
    source = write_pictures(tmp_path / "s", {"cat": 5, "dog": 5, "hare": 1})
    (source / "hare" / "0.png").write_bytes(b"no image")
    data, err = said(source, tmp_path / "made", capsys, on_error="skip")
    assert data.classes == ["cat", "dog"]
    assert "1 classes have no image that can be read and are none: hare" in err


def test_images_without_a_split_beside_others_are_said(tmp_path, capsys):
    source = write_pictures(tmp_path / "s", {"p": 12})
    rows = [f"p/{n}.png,{'ab'[n % 2]},{['train', 'test', ''][n % 3]}" for n in range(12)]
    (source / "t.csv").write_text("\n".join(["file,label,split", *rows]))
    data, err = said(source / "t.csv", tmp_path / "made", capsys)
    assert "4 images whose split the source does not say were put to train" in err
    assert len(data.split("test")) == 4


def test_very_few_training_images_are_said():
    assert imbalance({"cat": 1, "dog": 1}) == ["  fewer than 5 training images: cat 1, dog 1"]
    assert not imbalance({"cat": 5, "dog": 6})


def test_asking_for_groups_of_look_alikes_where_none_can_be_told_is_answered(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(40) % 2)
    _, err = said(tmp_path / "a.npz", tmp_path / "made", capsys, near_duplicates="group")
    assert "no near-duplicates were found, or all images resemble each other" in err
