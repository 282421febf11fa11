"""Every package answers like the service, with nothing of this project but what it carries."""

import json
import subprocess
import sys
from importlib import resources

import pytest

from kedja.bundle import metadata as bundles
from kedja.common.errors import KedjaError
from kedja.export.package import TARGETS, Target, package
from support.bundles import make_bundle

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import kedja
assert kedja.__file__.startswith(sys.argv[1]), kedja.__file__
from classifier import Classifier
print(json.dumps(Classifier().predict([open(path, "rb").read() for path in sys.argv[2:]])))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("package") / "bundle", name="Fruit & Co. v2", known=2.0)


@pytest.mark.parametrize("target", TARGETS)
def test_the_answers_are_those_of_the_bundle(bundle, tmp_path, target):
    (bundle / "private.txt").write_text("not named in the metadata, so not copied")
    folder = package(bundle, target, tmp_path / "out")
    assert not (folder / "bundle/private.txt").exists()
    metadata = bundles.load(bundle)
    samples = [bundle / golden.file for golden in metadata.golden]
    result = subprocess.run([sys.executable, "-c", ASK, folder, *samples], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for answer, golden in zip(json.loads(result.stdout), metadata.golden, strict=True):
        assert answer["known"] == (max(golden.logits) >= 2.0)
        assert answer["probabilities"] == pytest.approx(golden.probabilities, abs=1e-4)
        assert answer["model"] == {"name": "Fruit & Co. v2", "version": metadata.version}
    for file in folder.rglob("*"):
        if file.suffix == ".py":
            compile(file.read_text(), file, "exec")
        if file.suffix == ".json":
            json.loads(file.read_text())
    assert "${" not in "".join(file.read_text() for file in folder.glob("*.*") if file.suffix != ".pt")


def test_a_package_is_written_anew_and_nothing_else_is_overwritten(bundle, tmp_path):
    folder = package(bundle, "bentoml", tmp_path / "out")
    (folder / "old").touch()
    package(bundle, "ray-serve", folder)
    assert not (folder / "old").exists()
    assert (folder / "app.py").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(KedjaError, match="is nothing that this may replace"):
        package(bundle, "bentoml", tmp_path / "mine")


def test_mistakes_are_said(bundle, tmp_path):
    with pytest.raises(KedjaError, match="bentoml"):
        package(bundle, "bentml", tmp_path / "out")
    with pytest.raises(KedjaError, match="no bundle"):
        package(tmp_path / "nowhere", "bentoml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tritons_repository(bundle, tmp_path):
    folder = package(bundle, "triton", tmp_path / "out") / "model_repository/fruit_co_v2"
    config = (folder / "config.pbtxt").read_text()
    assert 'name: "fruit_co_v2"' in config
    assert "dims: [ 8, 8, 1 ]" in config
    assert (folder / "1/model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()


def test_every_target_has_its_templates():
    folder = resources.files("kedja.export.packages")
    filled = {
        one.name for one in folder.iterdir() if one.is_dir() and any(f.name.endswith(".txt") for f in one.iterdir())
    }
    assert filled == {"common", *TARGETS}


def test_another_target_is_a_folder_and_a_line(bundle, monkeypatch, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "about.txt.txt").write_text("$service knows $classes classes")
    arranged = []
    target = Target(tmp_path / "templates", lambda folder, service: arranged.append((folder.name != "", service)))
    monkeypatch.setitem(TARGETS, "toy", target)
    folder = package(bundle, "toy", tmp_path / "packed")
    (service,) = [service for _, service in arranged]
    assert (folder / "about.txt").read_text() == f"{service} knows {len(bundles.load(bundle).classes)} classes"
    assert (folder / "classifier.py").is_file()
