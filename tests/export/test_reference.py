"""What an export measures is what its own images are: served back, they are stable."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kedja.bundle import reference
from kedja.bundle.inputs.image import features
from kedja.bundle.integrity import seal
from kedja.bundle.metadata import load, save
from kedja.bundle.reference import REFERENCE
from kedja.data.prepared import load as load_dataset
from kedja.export.bundle import export
from kedja.export.reference import measure
from kedja.export.source import is_exported
from kedja.runs import calibration
from kedja.serving.drift.shift import compare
from kedja.serving.predictor import Predictor


@pytest.fixture
def exported(run, tmp_path):
    export(run, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_the_bundle_brings_the_training_images_histograms(exported, run):
    found = Predictor(exported).reference
    dataset = load_dataset(run.parents[2] / "data/digits")
    names = [histogram.name for histogram in found.features]
    assert names == [
        "brightness",
        "contrast",
        "sharpness",
        "width",
        "height",
        "aspect",
        "class",
        "confidence",
        "familiarity",
    ]
    images = {histogram.name: sum(histogram.counts) for histogram in found.features}
    assert images["brightness"] == images["class"] == len(dataset.split("train"))
    assert images["confidence"] == images["familiarity"] == len(dataset.split("val"))
    # The very counts, when the training images come again.
    again = found.count(features.of_pixels(np.asarray(dataset.images[dataset.split("train")])))
    assert found.split(again)[0].tolist() == found.features[0].counts
    unseen = found.split(found.count(features.of_pixels(np.asarray(dataset.images[dataset.split("test")]))))
    assert compare(np.array(found.features[0].counts), unseen[0]).psi < 0.1
    assert compare(np.array(found.features[0].counts), unseen[0]).distance > 0


def test_encoded_images_give_what_their_pixels_give(exported, run):
    dataset = load_dataset(run.parents[2] / "data/digits")

    class Encoded:
        """The same data set with its images as files only."""

        input, classes, split = dataset.input, dataset.classes, dataset.split

        @property
        def stored(self):
            return self

        by_size = dataset.stored.by_size

        def examples(self, positions):
            return [dataset.input.decode(dataset.encoded(position)) for position in positions]

        def read(self, positions):
            return dataset.input.collate(self.examples(positions))

        def facts(self, positions):
            return dataset.input.facts(self.examples(positions))

    predictor = Predictor(exported)
    as_files = measure(
        Encoded(), lambda feed: (None, predictor.predict(feed)), lambda feed: predictor.answer(feed).familiarity
    )
    assert as_files == predictor.reference


def test_a_bundle_of_an_earlier_release_is_exported_again(exported, run):
    assert is_exported(run, exported)
    metadata = json.loads((exported / "metadata.json").read_text())
    del metadata["files"][REFERENCE]
    (exported / "metadata.json").write_text(json.dumps(metadata))
    save(exported, seal(load(exported)))
    assert not is_exported(run, exported)
    assert reference.load(exported, metadata["files"], 10) is None
    assert Predictor(exported).reference is None


def test_a_bundle_from_before_probabilities_were_calibrated_is_exported_again(exported, run):
    metadata = load(exported)
    assert metadata.calibrated
    assert is_exported(run, exported)
    save(exported, seal(replace(metadata, calibrated=False)))
    assert not is_exported(run, exported)


def test_a_bundle_that_cannot_be_calibrated_stays(exported, run, monkeypatch):
    # Of fewer validation images than these no temperature is taken.
    monkeypatch.setattr(calibration, "FEWEST", 10**6)
    save(exported, seal(replace(load(exported), calibrated=False)))
    assert is_exported(run, exported)
