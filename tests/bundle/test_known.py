import dataclasses
import json

import numpy as np
import pytest

from kedja.bundle import integrity, known, metadata
from kedja.common.errors import KedjaError
from kedja.serving.offline import predict_files
from kedja.serving.predictor import Predictor
from support.bundles import make_bundle


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "bundle", known=2.0)


def test_what_is_written_is_read_back_and_belongs_to_the_version(bundle):
    loaded = metadata.load(bundle)
    found = known.load(bundle, loaded.files)
    assert found is not None
    assert (found.threshold, found.false_alarms, found.against[0].name) == (2.0, 0.05, "noise")
    known.save(bundle, dataclasses.replace(found, threshold=3.0))
    with pytest.raises(KedjaError, match=r"known.json has changed"):
        integrity.verify_files(bundle, loaded)


def test_bundles_of_before_say_nothing(tmp_path):
    predictor = Predictor(make_bundle(tmp_path / "old"))
    image = predictor.metadata.input.decode(predictor.samples[0].data)
    answers = predictor.answer(predictor.metadata.input.collate([image]))
    assert answers.familiarity is None
    assert predictor.knows(answers) is None


def test_the_threshold_decides_and_changes_nothing_else(bundle):
    predictor = Predictor(bundle)
    files = sorted((bundle / "samples").iterdir())
    scores = np.array(predictor.known.golden)  # type: ignore[union-attr]
    said = list(predict_files(predictor, files))
    assert [one.known for one in said] == (scores >= 2.0).tolist()
    assert {True, False} == set(scores >= 2.0)
    assert [one.classes[0] for one in said] == [
        predictor.metadata.classes[golden.label] for golden in predictor.metadata.golden
    ]
    assert "unlike" in str(next(one for one in said if not one.known))


def test_a_graph_that_scores_otherwise_is_not_served(bundle):
    loaded = metadata.load(bundle)
    found = known.load(bundle, loaded.files)
    assert found is not None
    golden = [found.golden[0] + 1, *found.golden[1:]]
    known.save(bundle, dataclasses.replace(found, golden=golden))
    metadata.save(bundle, integrity.seal(dataclasses.replace(loaded, files=integrity.hash_files(bundle))))
    with pytest.raises(KedjaError, match=r"samples/0.png scores .* at the export"):
        Predictor(bundle)


@pytest.mark.parametrize(
    ("key", "value"),
    [("threshold", "high"), ("schema_version", 2), ("false_alarms", 1.5), ("golden", [None]), ("against", [{}])],
)
def test_a_damaged_file_is_named(bundle, key, value):
    path = bundle / known.KNOWN
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(KedjaError, match=r"known\.json"):
        known.load(bundle, [known.KNOWN])
