import json
import warnings

import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.frameworks.evaluate import evaluate
from kedja.training.config.run_folder import run_directory
from kedja.training.loop.checkpoint import load_weights
from kedja.training.loop.train import train
from kedja.training.models.restore import load_model


def test_a_run_leaves_what_the_contract_says(workplace, debug):
    directory = train(debug())
    names = {path.name for path in directory.iterdir()}
    assert names >= {
        "config.json",
        "provenance.json",
        "metrics.jsonl",
        "last.ckpt",
        "best.safetensors",
        "validation.npz",
        "summary.json",
        "tensorboard",
    }
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["hyperparameters"]["model.width"] == 0.25
    assert summary["validation"]["accuracy"] > 0.8
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert set(lines[0]) == {
        "epoch",
        "step",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "images_per_second",
        "seconds",
    }


def test_the_restored_model_answers_as_training_did(workplace, debug):
    directory = train(debug("ema=0.9"))
    stored = np.load(directory / "validation.npz")
    answer = evaluate(directory, "val")
    assert stored["ids"].tolist() == answer.ids.tolist()
    np.testing.assert_array_equal(stored["labels"], answer.labels)
    np.testing.assert_allclose(stored["logits"], answer.logits, atol=1e-5)
    logits = load_model(directory)(torch.zeros(3, 8, 8, 1, dtype=torch.uint8))
    assert logits.shape == (3, 10)
    assert logits.dtype == torch.float32


def test_the_same_seed_gives_the_same_bits_and_another_does_not(workplace, debug):
    runs = [train(debug(*overrides)) for overrides in ([], ["runs=again"], ["seed=1"])]
    first, again, other = (load_weights(run / "best.safetensors") for run in runs)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_images(workplace, debug):
    with pytest.raises(KedjaError, match=r"the loss became (nan|inf) at step .* holds the images \w+") as error:
        train(debug("optim.lr=1e30"))
    assert "optim.lr" in str(error.value)


def test_patience_ends_a_run_early(workplace, debug):
    directory = train(debug("epochs=30", "patience=2", "optim.lr=0"))
    assert json.loads((directory / "summary.json").read_text())["epochs"] == 3


def test_a_damaged_checkpoint_is_named(workplace, debug):
    config = debug()
    directory = run_directory(config)
    directory.mkdir(parents=True)
    (directory / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(KedjaError, match=r"last\.ckpt cannot be read"):
        train(config)


def test_a_device_that_is_not_there_is_named(workplace, debug):
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(KedjaError, match=f"device={absent} is not available here"):
        train(debug(f"device={absent}"))


def test_too_little_memory_names_what_to_change(workplace, debug, monkeypatch):
    def fail(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr("kedja.training.loop.learner.Learner.learn", fail)
    with pytest.raises(KedjaError, match=r"model cnn and batch_size=64 in 1 part.*Tried to allocate") as error:
        train(debug())
    assert "accumulate=2" in error.value.remedy


def test_anomaly_mode_is_on_while_training_alone(workplace, debug, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "kedja.training.loop.learner.Learner.start_epoch", lambda *a: seen.append(torch.is_anomaly_enabled())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the mode is slow
        train(debug("anomaly=true", "epochs=1"))
    assert seen == [True]
    assert not torch.is_anomaly_enabled()


def test_encoded_images_are_decoded_by_workers(workplace, prepared, debug, monkeypatch):
    """A folder of PNG files kept as files trains as the same pixels kept as an array do."""
    import io

    from PIL import Image

    from kedja.data.prepared import load

    digits = load(workplace / "data" / "digits")

    def encoded(self, row):
        buffer = io.BytesIO()
        Image.fromarray(digits.images[row][:, :, 0]).save(buffer, "PNG")
        return buffer.getvalue()

    from_pixels = train(debug("runs=pixels"))
    monkeypatch.setattr("kedja.data.kinds.image.stored.StoredImages.encoded", encoded)
    original = load

    def as_files(folder):
        data = original(folder)
        data.stored.images = None  # type: ignore[attr-defined]
        return data

    monkeypatch.setattr("kedja.training.loop.train.load", as_files)
    from_files = train(debug("data.workers=2", "runs=files"))
    assert from_files.name == from_pixels.name
    first, second = (load_weights(run / "best.safetensors") for run in (from_pixels, from_files))
    assert all(torch.equal(first[name], second[name]) for name in first)
