import numpy as np
import pytest

from kedja.data.splits.shoots import by_look, by_record, moment, separable


@pytest.mark.parametrize(
    "name",
    [
        "fruit/IMG_20240501_123456.jpg",
        "PXL_20240501_123456789.jpg",
        "2024-05-01 12.34.56.png",
        "WhatsApp Image 2024-05-01 at 12.34.56.jpeg",
        "20240501123456.jpg",
    ],
)
def test_names_say_when(name):
    assert moment("", name) == moment("2024:05:01 12:34:56", "x.jpg")


@pytest.mark.parametrize("name", ["apple_001.jpg", "20249901_123456.jpg", "20240231_123456.jpg", "2024.jpg"])
def test_other_numbers_are_no_time(name):
    assert moment("", name) is None


def test_what_was_taken_within_a_pause_is_one_shoot_of_its_class():
    names = [f"{n}.jpg" for n in "abcdef"]
    taken = [f"2024:05:01 12:{minute:02}:00" for minute in (0, 4, 8, 30, 33, 1)]
    shoots = by_record([*["apple"] * 5, "pear"], names, taken)
    assert shoots == [*["shoot of a.jpg"] * 3, *["shoot of d.jpg"] * 2, ""]


def test_copies_bursts_and_frames_go_with_their_original():
    names = [
        "a/x.jpg",
        "a/x (1).jpg",
        "a/x-edited.jpg",
        "a/y (1).jpg",
        "a/y (2).jpg",
        "a/f_frame_01.jpg",
        "a/f_frame_02.jpg",
    ]
    shoots = by_record(["a"] * len(names), names, [""] * len(names))
    # y's numbers are how a file manager names forty different photographs.
    assert shoots == [*["shoot of a/a/x"] * 3, "", "", *["shoot of a/a/f"] * 2]


def test_classes_of_too_few_shoots_are_named_and_left():
    shoots, few = separable(["a", "a", "a", "b", "b", "b"], ["s", "s", "", "t", "u", "v"])
    assert few == ["a"]
    assert shoots == ["", "", "", "t", "u", "v"]


def test_looks_find_the_shoots_of_each_class():
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 64))
    features = np.repeat(centres, 10, axis=0) + 0.3 * random.normal(size=(60, 64))
    labels = np.repeat([0, 0, 0, 1, 1, 1], 10)
    assert len(np.unique(by_look(labels, features.astype(np.float32)))) == 6
    units = by_look(labels, features.astype(np.float32)).reshape(6, 10)
    assert (units == units[:, :1]).all()
    # The same look in another class is another shoot.
    assert len(np.unique(by_look(np.arange(60), features.astype(np.float32)))) == 60
