import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.known import Answers
from kedja.bundle.metadata import Metadata
from kedja.common.errors import KedjaError
from kedja.serving.offline import find_files, predict_files


class Brightness:
    """Says "dark" or "bright" by the mean of the pixels."""

    metadata = Metadata("brightness", "0", ["dark", "bright", "neither"], ImageSpec(4, 4, 1), {}, [])
    batches: list[int]

    def __init__(self):
        self.batches = []

    def answer(self, feed):
        images = feed["image"]
        self.batches.append(len(images))
        share = images.reshape(len(images), -1).mean(axis=1) / 255
        return Answers(
            np.stack([1 - share, share, 0 * share], axis=1).astype(np.float32), (1 - share).astype(np.float32)
        )

    def knows(self, answers):
        return (answers.familiarity > 0.5).tolist()


def png(level):
    buffer = io.BytesIO()
    Image.new("L", (9, 5), level).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_folder_is_predicted_in_order_and_in_batches(tmp_path):
    for i, level in enumerate((0, 255, 0, 255, 255)):
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / f"{i}.png").write_bytes(png(level))
    (tmp_path / "notes.txt").write_text("no image")
    model = Brightness()
    predictions = list(predict_files(model, find_files(tmp_path, Brightness.metadata.input), top=2, batch_size=2))
    assert model.batches == [2, 2, 1]
    assert [p.classes[0] for p in predictions] == ["dark", "bright", "dark", "bright", "bright"]
    assert predictions[0].probabilities == [1.0, 0.0]
    assert [p.known for p in predictions] == [True, False, True, False, False]
    assert str(predictions[1]).endswith("bright 100.0%, dark 0.0% (unlike anything the model learnt from)")
    assert str(predictions[0]).endswith("0.png: dark 100.0%, bright 0.0%")


def test_a_file_that_cannot_be_decoded_carries_its_reason_and_disturbs_no_other(tmp_path):
    (tmp_path / "a.png").write_bytes(png(0))
    (tmp_path / "b.png").write_bytes(png(0)[:30])
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.png").write_bytes(png(255))
    predictions = list(predict_files(Brightness(), find_files(tmp_path, Brightness.metadata.input)))
    assert [p.classes[:1] for p in predictions] == [["dark"], [], [], ["bright"]]
    assert predictions[2].error == "the image has no bytes"
    assert "not decoded" in str(predictions[1])


def test_one_file_is_taken_whatever_its_suffix(tmp_path):
    (tmp_path / "scan.data").write_bytes(png(255))
    assert [
        p.classes[0] for p in predict_files(Brightness(), find_files(tmp_path / "scan.data", Brightness.metadata.input))
    ] == ["bright"]


def test_a_missing_path_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(KedjaError, match="does not exist"):
        find_files(tmp_path / "nowhere", Brightness.metadata.input)
    with pytest.raises(KedjaError, match="no image below"):
        find_files(tmp_path, Brightness.metadata.input)


def test_hidden_files_and_folders_are_no_examples(tmp_path):
    for name in ("a.png", "._a.png", ".thumbnails/b.png", "in/.c.png", "in/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(9))
    found = find_files(tmp_path, Brightness.metadata.input)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.png", "in/d.png"]


def test_a_folder_inside_a_hidden_one_is_read(tmp_path):
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.png").write_bytes(png(9))
    assert len(find_files(tmp_path / ".cache", Brightness.metadata.input)) == 1


def test_a_place_that_is_not_there_is_given_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KedjaError, match=f"looked at {tmp_path}/photos"):
        find_files(Path("photos"), Brightness.metadata.input)
