"""`metadata.json` and the check of a bundle against it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedja.bundle import integrity, metadata
from kedja.bundle.inputs.input import length
from kedja.common.errors import KedjaError
from support.bundles import make_bundle

GOLDEN = [{"file": "samples/0.png", "label": 0, "logits": [0.0] * 3, "probabilities": [0.2, 0.3, 0.5]}]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("good") / "bundle")


@pytest.fixture
def bundle(good, tmp_path):
    return shutil.copytree(good, tmp_path / "bundle")


def change(bundle, **fields):
    path = bundle / metadata.METADATA
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_what_is_saved_is_loaded(bundle):
    loaded = metadata.load(bundle)
    metadata.save(bundle, loaded)
    assert metadata.load(bundle) == loaded
    assert loaded.files == integrity.hash_files(bundle)
    assert loaded.version == integrity.content_version(loaded)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"kind": "sound"}, "kind 'sound'"),
        ({"classes": ["a"]}, "fewer than two"),
        ({"classes": ["a"] * 10}, "not distinct"),
        ({"classes": ["a", "b"], "golden": GOLDEN}, "does not have 2 values"),
        ({"colour": "red"}, "unknown fields 'colour'"),
        ({"input": {"height": 8}}, "input lacks width"),
        ({"input": None}, "input is not an object"),
        ({"name": None}, "name is not a string"),
        ({"files": {"a": 3}}, "files.'a' is not a string"),
        ({"classes": [1, 2]}, "is not a string"),
        ({"tolerance": "abc"}, "tolerance"),
        ({"tolerance": -1}, "tolerance"),
        ({"golden": [{"file": "x"}]}, r"golden\[0\] lacks"),
        ({"golden": 5}, "golden is not a list"),
        ({"classes": None}, "classes is not a list"),
    ],
)
def test_metadata_that_cannot_be_used(bundle, fields, message):
    change(bundle, **fields)
    with pytest.raises(KedjaError, match=message):
        metadata.load(bundle)


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '{"name": "x"}', "{"])
def test_a_file_that_is_no_metadata(bundle, text):
    (bundle / metadata.METADATA).write_text(text)
    with pytest.raises(KedjaError, match=r"metadata\.json"):
        metadata.load(bundle)


@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(metadata.Metadata)]), st.none() | st.text()))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
def test_any_damage_is_said_in_one_message(good, fields):
    value = {**json.loads((good / metadata.METADATA).read_text()), **fields}
    folder = good.with_name("damaged")
    folder.mkdir(exist_ok=True)
    (folder / metadata.METADATA).write_text(json.dumps(value))
    try:
        metadata.load(folder)
    except KedjaError as error:
        assert "metadata.json" in str(error)


def test_every_changed_and_missing_file_is_named(bundle):
    integrity.verify_files(bundle, metadata.load(bundle))
    (bundle / metadata.MODEL).write_bytes(b"other")
    (bundle / "samples/1.png").unlink()
    (bundle / "notes.txt").write_text("not named, never read")
    with pytest.raises(KedjaError) as error:
        integrity.verify_files(bundle, metadata.load(bundle))
    assert "model.onnx has changed" in error.value.problem
    assert "samples/1.png is missing" in error.value.problem
    assert "notes.txt" not in error.value.problem


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "samples/../../outside"])
def test_files_outside_the_bundle_are_not_looked_at(bundle, name):
    loaded = metadata.load(bundle)
    reaching = dataclasses.replace(loaded, files={**loaded.files, name: "0" * 64})
    with pytest.raises(KedjaError, match="points outside the bundle"):
        integrity.verify_files(bundle, reaching)


def test_the_version_belongs_to_the_files(bundle):
    loaded = metadata.load(bundle)
    with pytest.raises(KedjaError, match="version does not fit"):
        integrity.verify_files(bundle, dataclasses.replace(loaded, version="0" * 12))


@pytest.mark.parametrize("schema", metadata.READABLE)
@given(files=st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_file_is_another_version(good, schema, files):
    loaded = dataclasses.replace(metadata.load(good), schema_version=schema)

    def version(of):
        return integrity.content_version(dataclasses.replace(loaded, files=of))

    assert version(files) == version(dict(reversed(files.items())))
    assert version(files) != version({**files, min(files): files[min(files)] + "x"})
    assert version(files) != version({**files, max(files) + "x": "x"})


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(metadata.Metadata) if f.name != "version"])
def test_every_field_is_in_the_version(good, field):
    loaded = metadata.load(good)
    value = loaded.to_json()
    value[field] = "something else"
    changed = dataclasses.replace(loaded)
    object.__setattr__(changed, "to_json", lambda: value)
    assert integrity.content_version(changed) != loaded.version


def answers(bundle):
    return np.array([golden.probabilities for golden in metadata.load(bundle).golden], np.float32)


class Model:
    """Gives these answers, row by row, to whatever it is asked."""

    def __init__(self, rows):
        self.rows = list(rows)
        self.calls = []

    def predict(self, feed):
        count = length(feed)
        self.calls.append(count)
        given, self.rows = self.rows[:count], self.rows[count:]
        return np.array(given, np.float32)


def test_golden_answers_are_compared(bundle):
    loaded, right = metadata.load(bundle), answers(bundle)
    assert integrity.verify_golden(bundle, loaded, Model(right).predict) == 0
    nearly = right + np.float32(loaded.tolerance / 2)
    assert integrity.verify_golden(bundle, loaded, Model(nearly).predict) == pytest.approx(
        loaded.tolerance / 2, rel=0.1
    )
    for wrong in (right + 0.01, right[:, ::-1], right[:-1], right[:, :-1], np.full_like(right, np.nan)):
        with pytest.raises(KedjaError):
            integrity.verify_golden(bundle, loaded, Model(wrong).predict)
    with pytest.raises(KedjaError, match="no golden examples"):
        integrity.verify_golden(bundle, dataclasses.replace(loaded, golden=[]), Model(right).predict)


def test_golden_examples_come_in_small_batches(bundle, monkeypatch):
    """One large batch would leave its memory with the server for good."""
    monkeypatch.setattr(integrity, "TOGETHER", 1)
    loaded, model = metadata.load(bundle), Model(answers(bundle))
    assert integrity.verify_golden(bundle, loaded, model.predict) == 0
    assert model.calls == [1] * len(loaded.golden)


def test_a_sample_that_is_another_image_is_found(bundle):
    (bundle / "samples/0.png").write_bytes((bundle / "samples/1.png").read_bytes())
    loaded = metadata.load(bundle)
    examples = integrity.golden_examples(bundle, loaded)
    assert (examples[0].pixels == examples[1].pixels).all()
    with pytest.raises(KedjaError, match="has changed"):
        integrity.verify_files(bundle, loaded)
