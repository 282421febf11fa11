"""A pipeline from a colleague is data: of listed types alone, whose numbers fit each other."""

import copy
import io
import json
import pickle
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from kedja.baselines import pipeline, stored_pipeline
from kedja.baselines import registry as baselines
from kedja.common.errors import KedjaError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 12)), np.arange(60) % 3
    return {
        "logistic-regression": baselines.logistic_regression(0, 1.0).fit(x, y),
        "random-forest": baselines.random_forest(0, 0.9, 1).fit(x, y),
        "svm": baselines.support_vectors(0, 1.0, True).fit(x, y),
    }


def refused(folder, content, match):
    (folder / pipeline.PIPELINE).write_bytes(content)
    with pytest.raises(KedjaError, match=match) as failure:
        pipeline.load(folder)
    assert "just experiments" in failure.value.remedy


def edited(content, change):
    """The skops file with its schema changed by `change`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(buffer, "w") as new:
        for name in given.namelist():
            data = given.read(name)
            if name == stored_pipeline.SCHEMA:
                schema = json.loads(data)
                data = json.dumps(change(schema) or schema).encode()
            new.writestr(name, data)
    return buffer.getvalue()


def test_a_pickle_in_place_of_a_pipeline(tmp_path, payload, fitted):
    refused(tmp_path, pickle.dumps(payload), "is damaged: BadZipFile")
    joblib.dump(Pipeline([("model", payload)]), tmp_path / "a")
    refused(tmp_path, (tmp_path / "a").read_bytes(), "is damaged: BadZipFile")


def test_a_pickle_of_an_earlier_release_is_named_and_not_loaded(tmp_path, payload):
    joblib.dump(payload, tmp_path / "pipeline.joblib", compress=3)
    with pytest.raises(KedjaError, match=r"pipeline\.joblib is a pickle of an earlier release") as failure:
        pipeline.load(tmp_path)
    assert "just experiments" in failure.value.remedy


def test_a_pickle_among_the_arrays_of_a_pipeline(tmp_path, payload, fitted):
    buffer = io.BytesIO()
    evil = io.BytesIO()
    np.save(evil, np.array([payload], object), allow_pickle=True)
    good = stored_pipeline.dump(fitted["logistic-regression"])
    with zipfile.ZipFile(io.BytesIO(good)) as given, zipfile.ZipFile(buffer, "w") as new:
        for name in given.namelist():
            new.writestr(name, evil.getvalue() if name.endswith(".npy") else given.read(name))
    refused(tmp_path, buffer.getvalue(), "is damaged: ValueError: Object arrays cannot be loaded")


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (FunctionTransformer(partial(print, "code was run")), "FunctionTransformer|partial|print"),
        (FunctionTransformer(np.exp), "FunctionTransformer|exp"),
        (StandardScaler().fit, "StandardScaler.*MethodNode"),
        (np.random.RandomState(0), "RandomState"),
        ({1, 2}, "builtins.set"),
        (np.ma.masked_array([1], [True]), "Masked"),
    ],
)
def test_a_type_that_no_baseline_is_made_of(tmp_path, step, named):
    """Among them such as skops trusts, and such as have been dangerous in it."""
    content = skops.io.dumps(Pipeline([("step", step), ("model", LogisticRegression())]))
    refused(tmp_path, content, rf"is not loaded: it holds .*({named}).*no baseline is made of")
    with pytest.raises(KedjaError, match="no baseline is made of"):
        stored_pipeline.dump(Pipeline([("step", step), ("model", LogisticRegression())]))


@pytest.mark.parametrize(
    ("module", "name", "node"),
    [
        ("os", "system", "FunctionNode"),
        ("os", "system", "TypeNode"),
        ("posix", "system", "ObjectNode"),
        ("builtins", "dict", "ReduceNode"),
        ("builtins", "str", "MethodNode"),
        ("builtins", "str", "OperatorFuncNode"),
        ("builtins", ["str"], "TypeNode"),
    ],
)
def test_a_schema_made_by_hand(tmp_path, fitted, module, name, node):
    def change(schema):
        steps = schema["content"]["content"]["steps"]["content"]
        steps[0]["content"][1] = {"__module__": module, "__class__": name, "__loader__": node, "content": "id"}

    content = edited(stored_pipeline.dump(fitted["logistic-regression"]), change)
    refused(tmp_path, content, "no baseline is made of")


@pytest.mark.parametrize("where", ["schema", "array", "beside"])
def test_a_file_that_unpacks_to_thousands_of_times_its_size(tmp_path, fitted, where):
    buffer, bomb = io.BytesIO(), b" " * 200_000_000
    good = stored_pipeline.dump(fitted["logistic-regression"])
    with zipfile.ZipFile(io.BytesIO(good)) as given, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in given.namelist():
            arrays = [one for one in given.namelist() if one != stored_pipeline.SCHEMA]
            more = bomb if name == {"schema": stored_pipeline.SCHEMA, "array": arrays[0]}.get(where) else b""
            new.writestr(name, given.read(name) + more)
        if where == "beside":
            new.writestr("more", bomb)
    assert len(buffer.getvalue()) < 2_000_000
    refused(tmp_path, buffer.getvalue(), "is not loaded: its [0-9,]+ bytes unpack to 2[0-9,]+")


def test_a_schema_without_sense(tmp_path, fitted):
    good = stored_pipeline.dump(fitted["logistic-regression"])
    for change in (
        lambda schema: ["no", "object"],
        lambda schema: {"__loader__": "ObjectNode"},
        lambda schema: schema["content"]["content"].pop("steps") and None,
        lambda schema: schema["content"]["content"]["steps"],
    ):
        refused(tmp_path, edited(good, change), "is damaged|no baseline is made of")
    refused(
        tmp_path,
        edited(good, lambda schema: schema.update(__class__="Tree", __module__="sklearn.tree._tree")),
        "damaged",
    )


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("left_child", 10**6, "lead nowhere"),
        ("right_child", 0, "lead nowhere"),
        ("left_child", -5, "lead nowhere"),
        ("feature", 10**6, "no|not"),
        ("feature", -7, "no|not"),
    ],
)
def test_a_tree_that_leads_out_of_memory(tmp_path, fitted, field, value, complaint):
    forest = fitted["random-forest"]
    stored = stored_pipeline.dump(forest)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as given, zipfile.ZipFile(buffer, "w") as new:
        for name in given.namelist():
            data = given.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(data))
                if array.dtype.names and field in array.dtype.names:
                    array[field][0] = value
                    file = io.BytesIO()
                    np.save(file, array)
                    data = file.getvalue()
            new.writestr(name, data)
    refused(tmp_path, buffer.getvalue(), rf"is damaged: .*({complaint})")


@pytest.mark.parametrize("attribute", ["_dual_coef_", "_intercept_", "_n_support", "support_vectors_"])
def test_support_vectors_that_lead_out_of_memory(tmp_path, fitted, attribute):
    changed = copy.deepcopy(fitted["svm"])
    machine = changed[-1].calibrated_classifiers_[0].estimator
    setattr(machine, attribute, getattr(machine, attribute)[:1].copy())
    refused(tmp_path, stored_pipeline.dump(changed), "the support vectors do not fit each other")


@pytest.mark.parametrize("name", ["logistic-regression", "random-forest", "svm"])
def test_a_sound_one_is_loaded(tmp_path, fitted, name):
    x = np.random.default_rng(1).random((50, 12))
    pipeline.save(fitted[name], tmp_path)
    np.testing.assert_array_equal(pipeline.load(tmp_path).predict_proba(x), fitted[name].predict_proba(x))
