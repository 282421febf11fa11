"""One flipped bit in a run, a data set or a bundle is found, though size and time are what they were."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.verify import verify
from kedja.runs.digests import FILES, damage, require_whole
from kedja.training.config.run_folder import run_directory
from kedja.training.loop.train import train
from support.bundles import make_bundle

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/verify.py"


@pytest.fixture(scope="module")
def made(prepared, tmp_path_factory):
    """A project with the digits, a finished run and a bundle."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(prepared / "data", root / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        from kedja.training.config.compose import compose

        config = compose(["experiment=debug"])
        train(config, say=lambda line: None)
        run = run_directory(config)
    make_bundle(root / "bundle")
    return root, run


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    root, run = made
    shutil.copytree(root, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return run


def rot(path: Path) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def bad():
    return {one.what: one.words for one in verify(Path(), Path("runs"), Path("bundle")) if not one.good}


def test_all_is_well(project):
    verdicts = list(verify(Path(), Path("runs"), Path("bundle")))
    assert [one.what for one in verdicts] == [str(project), "bundle"]
    assert {one.words for one in verdicts} == {"verified"}
    recorded = json.loads((project / "summary.json").read_text())[FILES]
    assert {"best.safetensors", "validation.npz", "metrics.jsonl", "config.json", "provenance.json"} <= set(recorded)


@pytest.mark.parametrize("name", ["best.safetensors", "validation.npz", "metrics.jsonl", "config.json"])
def test_a_flipped_bit_in_a_run(project, name):
    rot(project / name)
    assert bad() == {str(project): f"{name} has changed"}
    with pytest.raises(KedjaError, match=f"{name} has changed"):
        require_whole(project)


def test_a_missing_file_and_a_summary_that_leads_elsewhere(project):
    (project / "validation.npz").unlink()
    assert damage(project) == ["validation.npz is missing"]
    summary = json.loads((project / "summary.json").read_text())
    summary[FILES] = {"../../../etc/passwd": "0"}
    (project / "summary.json").write_text(json.dumps(summary))
    assert damage(project) == ["summary.json is damaged"]


def test_a_flipped_bit_in_a_checkpoint(project):
    if not (project / "last.ckpt").is_file():
        pytest.fail("the run keeps its checkpoint")
    rot(project / "last.ckpt")
    assert "last.ckpt is damaged" in bad()[str(project)]


def test_a_run_of_an_earlier_release_is_not_called_verified(project):
    summary = json.loads((project / "summary.json").read_text())
    del summary[FILES]
    (project / "summary.json").write_text(json.dumps(summary))
    (found,) = [one for one in verify(Path(), Path("runs"), Path("nothing")) if one.what == str(project)]
    assert found.good
    assert "no digests" in found.words


def test_a_flipped_bit_in_a_bundle_and_the_status_of_the_recipe(project):
    command = [sys.executable, str(SCRIPT)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    rot(Path("bundle/model.onnx"))
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "model.onnx has changed" in result.stdout


def test_a_run_with_a_flipped_bit_is_not_exported(project):
    from kedja.export.bundle import export

    rot(project / "best.safetensors")
    with pytest.raises(KedjaError, match=r"best\.safetensors has changed"):
        export(project, Path("exported"))
    assert not Path("exported").exists()
