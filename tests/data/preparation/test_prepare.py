import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from kedja.data.versions.folder_hash import hash_folder
from support import tables, texts
from support.pictures import encode, picture, write_pictures


def prepared(source, folder, **settings):
    chosen = Settings(source=str(source), **settings)
    prepare(open_source(chosen, folder.parent / ".source"), folder, chosen)
    return load(folder)


def test_pixels_are_those_of_the_one_preprocessing(tmp_path):
    source = write_pictures(tmp_path / "source", {"cat": 20, "dog": 20})
    data = prepared(source, tmp_path / "made")
    assert data.classes == ["cat", "dog"]
    for position, path in enumerate(data.paths):
        original = (source / path).read_bytes()
        assert np.array_equal(data.images[position], preprocess(original, data.spec))


def test_the_same_source_gives_the_same_bytes_whatever_the_place_and_the_number_of_processes(tmp_path):
    first = write_pictures(tmp_path / "here", {"cat": 300, "dog": 200}, size=(12, 12))
    second = write_pictures(tmp_path / "there" / "below", {"dog": 0})
    for path in sorted(first.rglob("*.png"), reverse=True):
        target = second / path.relative_to(first)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    one = prepared(first, tmp_path / "one" / "pets", jobs=1)
    two = prepared(second, tmp_path / "two" / "pets", jobs=2)
    assert one.hash == two.hash


def test_mean_and_deviation_are_those_of_the_training_pixels(tmp_path):
    data = prepared(write_pictures(tmp_path / "s", {"a": 30, "b": 30}), tmp_path / "made")
    pixels = data.images[data.split("train")] / 255
    assert np.allclose(data.mean, pixels.mean(axis=(0, 1, 2)), atol=1e-7)
    assert np.allclose(data.std, pixels.std(axis=(0, 1, 2)), atol=1e-7)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "1", "LA"])
def test_every_mode_becomes_the_chosen_channels(tmp_path, mode):
    source = tmp_path / "source"
    for label in ("a", "b"):
        for number in range(4):
            image = picture(number + 10 * (label == "b"))
            made = (
                Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
                if mode == "I;16"
                else image.convert(mode)
            )
            path = source / label / f"{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(made, "TIFF"))
    data = prepared(source, tmp_path / "made")
    assert data.spec.channels == (1 if mode in ("L", "I;16", "1", "LA") else 3)
    assert len(data) == 8


def test_given_splits_are_kept_and_a_missing_validation_split_is_set_aside(tmp_path):
    source = write_pictures(tmp_path / "s", {"training/a": 40, "training/b": 40, "testing/a": 10, "testing/b": 10})
    data = prepared(source, tmp_path / "made")
    assert {data.ids[i].split("/")[0] for i in data.split("test")} == {"testing"}
    assert {data.ids[i].split("/")[0] for i in data.split("val")} == {"training"}
    assert [len(data.split(s)) for s in ("train", "val", "test")] == [66, 14, 20]


def test_identical_images_never_straddle_splits(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 40, "b": 40})
    for number in range(20):
        copy = (source / "a" / f"{number}.png").read_bytes()
        # The same pixels in another file, with other bytes.
        (source / "a" / f"copy{number}.bmp").write_bytes(encode(Image.open(source / "a" / f"{number}.png"), "BMP"))
        (source / "a" / f"again{number}.png").write_bytes(copy)
    data = prepared(source, tmp_path / "made")
    sides = {}
    for position, split in enumerate(data.splits):
        sides.setdefault(data.images[position].tobytes(), set()).add(int(split))
    assert max(len(side) for side in sides.values()) == 1
    assert len(data) == 120


def test_a_training_image_that_is_also_in_the_given_test_split_is_left_out_and_said(tmp_path):
    source = write_pictures(tmp_path / "s", {"train/a": 20, "train/b": 20, "val/a": 5, "val/b": 5, "test/a": 5})
    (source / "test" / "a" / "leak.png").write_bytes((source / "train" / "a" / "3.png").read_bytes())
    data = prepared(source, tmp_path / "made")
    assert "train/a/3.png" not in data.ids
    assert "test/a/leak.png" in data.ids
    assert "train/a/3.png" in (data.folder / "rejected.csv").read_text()
    assert len(data.images) == len(data) == 55
    kept = prepared(source, tmp_path / "kept", leaks="keep")
    assert len(kept) == 56


def test_an_unreadable_image_stops_the_preparation_and_is_named(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 10, "b": 10})
    (source / "a" / "4.png").write_bytes((source / "a" / "4.png").read_bytes()[:200])
    (source / "b" / "empty.jpg").write_bytes(b"")
    with pytest.raises(KedjaError, match=r"2 of 21 images") as caught:
        prepared(source, tmp_path / "made")
    assert "a/4.png" in str(caught.value)
    assert "b/empty.jpg" in str(caught.value)
    assert not (tmp_path / "made").exists()
    skipped = prepared(source, tmp_path / "made", on_error="skip")
    assert len(skipped) == len(skipped.images) == 19
    position = skipped.ids.index("b/3.png")
    assert np.array_equal(skipped.images[position], preprocess((source / "b/3.png").read_bytes(), skipped.spec))


def test_a_repaired_image_is_read_by_the_next_run(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 10, "b": 10})
    good = (source / "a" / "4.png").read_bytes()
    (source / "a" / "4.png").write_bytes(good[:100])
    with pytest.raises(KedjaError):
        prepared(source, tmp_path / "made")
    (source / "a" / "4.png").write_bytes(good)
    assert len(prepared(source, tmp_path / "made")) == 20


def test_large_images_keep_their_originals(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 10, "b": 10})
    data = prepared(source, tmp_path / "made", storage="files")
    assert data.images is None
    for position, path in enumerate(data.paths):
        assert data.encoded(position) == (source / path).read_bytes()
    assert len(list((data.folder / "originals").iterdir())) == 2


def test_samples_are_encoded_originals(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 30, "b": 30})
    data = prepared(source, tmp_path / "made")
    for position in data.sample_indices():
        assert data.encoded(position) == (source / data.paths[position]).read_bytes()


SLOW = """
import sys, time
from pathlib import Path
from kedja.data.preparation import prepare as module
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source

original = module._results
def slowly(*arguments):
    for result in original(*arguments):
        yield result
        print("chunk", flush=True)
        time.sleep(0.2)
module._results = slowly
settings = Settings(source=sys.argv[1], jobs=2)
if __name__ == "__main__":
    module.prepare(open_source(settings, Path()), Path(sys.argv[2]), settings)
"""


def _pictures(folder):
    return write_pictures(folder / "s", {"a": 700, "b": 700}, size=(8, 8))


LARGE = {
    "folder": _pictures,
    "zip": lambda folder: Path(shutil.make_archive(str(folder / "s"), "zip", _pictures(folder))),
    "texts": lambda folder: texts.write_table(folder / "s.csv", 1400),
    "rows": lambda folder: tables.write_table(folder / "s.csv", 1400),
}


@pytest.mark.parametrize("kind", LARGE)
def test_killed_in_the_middle_it_continues_and_ends_with_the_same_bytes(tmp_path, capsys, kind):
    source = LARGE[kind](tmp_path)
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    process = subprocess.Popen([sys.executable, script, source, tmp_path / "killed" / "x"], stdout=subprocess.PIPE)
    for _ in range(4):
        process.stdout.readline()
    children = _children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    assert not (tmp_path / "killed" / "x").exists()
    continued = prepared(source, tmp_path / "killed" / "x")
    assert "continuing" in capsys.readouterr().err
    assert continued.hash == prepared(source, tmp_path / "whole" / "x").hash
    assert {path.name for path in (tmp_path / "killed").iterdir()} == {"x", ".x.stamp.json"}
    _assert_gone(children)


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _assert_gone(pids):
    deadline = time.monotonic() + 20
    while [pid for pid in pids if Path(f"/proc/{pid}").exists()] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_source_that_changed_meanwhile_starts_again(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 10, "b": 10})
    (source / "a" / "bad.png").write_bytes(b"no image")
    with pytest.raises(KedjaError):
        prepared(source, tmp_path / "made")
    (source / "a" / "bad.png").unlink()
    (source / "a" / "0.png").write_bytes(encode(picture(999)))
    data = prepared(source, tmp_path / "made")
    assert np.array_equal(data.images[0], preprocess(encode(picture(999)), data.spec))


def test_dataset_json_describes_every_file(tmp_path):
    source = write_pictures(tmp_path / "s", {"a": 10, "b": 10})
    data = prepared(source, tmp_path / "made")
    recorded = json.loads((data.folder / "dataset.json").read_text())["files"]
    assert set(recorded) == set(hash_folder(data.folder).files) - {"dataset.json"}


def test_a_group_stays_on_one_side(tmp_path):
    write_pictures(tmp_path / "s", {"x": 60})
    lines = [f"x/{n}.png,{'ab'[n % 2]},patient{n // 4}" for n in range(60)]
    (tmp_path / "s" / "l.csv").write_text("\n".join(lines))
    data = prepared(tmp_path / "s", tmp_path / "made", index=["l.csv"], group="3")
    for patient in range(15):
        members = [n for n, name in enumerate(data.ids) if int(name[2:-4]) // 4 == patient]
        assert len(set(data.splits[members])) == 1
    assert all(len(data.split(split)) for split in ("train", "val", "test"))


@pytest.fixture
def look_alikes(tmp_path):
    """Twelve pictures with two recompressed copies each."""
    source = write_pictures(tmp_path / "alike", {"a": 30, "b": 30}, size=(48, 48))
    for number in range(12):
        image = Image.open(source / "a" / f"{number}.png")
        for quality in (60, 80):
            (source / "a" / f"{number}-{quality}.jpg").write_bytes(encode(image, "JPEG", quality=quality))
    return source


def test_look_alikes_are_reported(look_alikes, tmp_path, capsys):
    assert len(prepared(look_alikes, tmp_path / "made")) == 84
    assert "pairs of images look alike" in capsys.readouterr().err


def test_look_alikes_are_kept_on_one_side(look_alikes, tmp_path):
    data = prepared(look_alikes, tmp_path / "made", near_duplicates="group")
    for number in range(12):
        members = [n for n, name in enumerate(data.ids) if name.startswith((f"a/{number}.", f"a/{number}-"))]
        assert len(members) == 3
        assert len(set(data.splits[members])) == 1


def test_one_of_each_look_alike_is_kept(look_alikes, tmp_path):
    data = prepared(look_alikes, tmp_path / "made", near_duplicates="drop")
    assert len(data) == len(data.images) == 60
    assert (data.folder / "rejected.csv").read_text().count("near-duplicate") == 24


def test_photographs_of_one_shoot_stay_on_one_side(tmp_path, capfd):
    source = tmp_path / "source"
    for label in ("apple", "pear"):
        (source / label).mkdir(parents=True)
        for number in range(24):
            exif = Image.Exif()
            # Six shoots of four photographs, a minute apart.
            exif.get_ifd(0x8769)[0x9003] = f"2024:05:{1 + number // 4:02} 12:0{number % 4}:00"
            name = source / label / f"{number}.jpg"
            picture(100 * len(label) + number, (40, 40)).save(name, exif=exif)
    apart = prepared(source, tmp_path / "apart")
    assert "48 images were taken in 12 shoots" in "".join(capfd.readouterr())
    sides = apart.splits.reshape(2, 24)
    order = np.array([int(Path(name).stem) for name in apart.ids]).reshape(2, 24)
    for row, numbers in zip(sides, order, strict=True):
        assert all(len(set(row[numbers // 4 == shoot])) == 1 for shoot in range(6))
        assert set(row) == {0, 1, 2}
    one_by_one = prepared(source, tmp_path / "mixed", shoots="ignore")
    assert one_by_one.hash != apart.hash


def test_a_class_of_one_shoot_is_dealt_and_said(tmp_path, capfd):
    source = write_pictures(tmp_path / "source", {"cat": 12, "dog": 12}, size=(40, 40))
    for number, path in enumerate(sorted(source.glob("cat/*.png"))):
        path.rename(path.with_name(f"IMG_20240501_1200{number:02}.png"))
    data = prepared(source, tmp_path / "made")
    assert "note: all images of cat were taken in one go" in "".join(capfd.readouterr())
    assert {int(split) for split in data.splits[data.labels == 0]} == {0, 1, 2}
