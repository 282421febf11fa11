"""A run, a checkpoint or an archive from a colleague is data: nothing in it is ever run."""

import ast
import copy
import io
import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from kedja.baselines import pipeline, stored_pipeline
from kedja.baselines import registry as baselines
from kedja.baselines.fit import run as fit
from kedja.common.errors import KedjaError
from kedja.common.npz import read_arrays
from kedja.data.prepared import load as load_dataset
from kedja.data.sources import torchvision as torchvision_source
from kedja.data.sources.npz import Npz
from kedja.data.versions.ensure import ensure
from kedja.export.bundle import export
from kedja.training.config.compose import compose
from kedja.training.config.run_folder import run_directory
from kedja.training.loop.checkpoint import load_checkpoint, load_weights
from kedja.training.loop.train import train
from kedja.training.models.torchvision import published_weights
from kedja.training.models.weights.initial import read_weights

ROOT = Path(__file__).parents[2]


class Payload:
    """Unpickled, it makes the folder `mark`."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.mkdir, (self.mark,)


@pytest.fixture
def payload(tmp_path):
    """A payload that has been seen to work, and must not work again."""
    mark = tmp_path / "code-was-run"
    pickle.loads(pickle.dumps(Payload(mark)))
    mark.rmdir()
    yield Payload(mark)
    assert not mark.exists(), "code was run"


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
            is_schema = name == stored_pipeline.SCHEMA
            more = bomb if where == ("schema" if is_schema else "array") else b""
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


def test_export_of_a_hostile_run_is_one_message(project, monkeypatch, tmp_path, payload):
    root, _ = project
    monkeypatch.chdir(root)
    good = fit("logistic-regression", load_dataset(Path("data/digits")), 0, tmp_path / "fitted")
    for name, content in ("pipeline.joblib", pickle.dumps(payload)), ("pipeline.skops", pickle.dumps(payload)):
        run = tmp_path / "runs" / name / "seed0"
        shutil.copytree(good, run)
        (run / "pipeline.skops").unlink()
        (run / name).write_bytes(content)
        command = [sys.executable, ROOT / "scripts/export.py", f"run={run}", f"bundle={tmp_path / 'bundle'}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert result.returncode == 1
        assert name in result.stderr
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "bundle").exists()


def test_a_network_from_a_colleague(project, monkeypatch, tmp_path, payload):
    root, run = project
    given = tmp_path / "runs" / run.parent.name / "seed0"
    shutil.copytree(run, given)
    monkeypatch.chdir(root)
    for content in (pickle.dumps(payload), pickle.dumps({"network.head.weight": payload})):
        (given / "best.safetensors").write_bytes(content)
        with pytest.raises(KedjaError, match=r"best\.safetensors (is damaged|has changed)"):
            load_weights(given / "best.safetensors")
        with pytest.raises(KedjaError, match=r"best\.safetensors (is damaged|has changed)"):
            export(given, tmp_path / "bundle")


def test_a_checkpoint_to_continue_from(tmp_path, monkeypatch, payload):
    monkeypatch.chdir(tmp_path)
    ensure("digits")
    config = compose(["experiment=debug"])
    folder = run_directory(config)
    folder.mkdir(parents=True)
    archive = io.BytesIO()
    torch.save({"epoch": payload}, archive)
    for content in (archive.getvalue(), pickle.dumps(payload)):
        for name in ("last.ckpt", "weights.pt"):
            (folder / name).write_bytes(content)
        with pytest.raises(KedjaError, match=r"last\.ckpt cannot be read"):
            load_checkpoint(folder / "last.ckpt")
        with pytest.raises(KedjaError, match=r"last\.ckpt cannot be read"):
            train(config)
        with pytest.raises(KedjaError, match=r"weights\.pt cannot be read"):
            read_weights(folder / "weights.pt")


def test_published_weights_that_somebody_else_put_there(tmp_path, monkeypatch, payload):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    from torchvision.models import get_model_weights

    file = tmp_path / "hub/checkpoints" / get_model_weights("resnet18")["DEFAULT"].url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save({"fc.weight": payload}, file)
    config = compose(["experiment=debug", "model.name=torchvision:resnet18", "model.pretrained=true"])
    with pytest.raises(KedjaError, match="weights of resnet18 cannot be had"):
        published_weights(config.model)


def test_arrays_of_objects(tmp_path, payload):
    file = tmp_path / "answers.npz"
    np.savez(file, images=np.array([payload], object), labels=np.array([payload], object))
    with pytest.raises(KedjaError, match="Object arrays cannot be loaded"):
        read_arrays(file, "labels")
    with pytest.raises(KedjaError, match="holds an array that cannot be read"):
        Npz(file, tmp_path / "work")


def test_archives_of_torchvision_that_are_pickles_are_read_with_their_published_checksum_alone(
    tmp_path, monkeypatch, payload
):
    def nobody(url, path):
        raise KedjaError(f"{url} is out of reach")

    monkeypatch.setattr(torchvision_source, "download", nobody)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(payload))
    with pytest.raises(KedjaError, match="out of reach"):
        torchvision_source.Torchvision("CIFAR10", tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "import joblib",
        "import pickle",
        "from cloudpickle import loads",
        "import dill",
        "import marshal",
        "import shelve",
        "import torch\n\ntorch.load('a')",
        "import torch\n\ntorch.hub.load('a', 'b')",
        "import pandas as pd\n\npd.read_pickle('a')",
        "import yaml\n\nyaml.load('a', yaml.Loader)",
        "import skops.io\n\nskops.io.load('a')",
    ],
)
def test_the_linter_knows_what_runs_code(line):
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--stdin-filename",
        "src/kedja/new.py",
        "-",
    ]
    result = subprocess.run(command, input=f'"""New."""\n\n{line}\n', capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "TID251" in result.stdout


def test_numpy_is_nowhere_told_to_unpickle():
    for folder in ("src", "scripts", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                    assert isinstance(node.value, ast.Constant), f"{file}:{node.value.lineno}"
                    assert node.value.value is False, f"{file}:{node.value.lineno}"
