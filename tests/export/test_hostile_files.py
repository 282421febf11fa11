"""A run, a checkpoint or an archive from a colleague is data: nothing in it is ever run."""

import ast
import io
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

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
