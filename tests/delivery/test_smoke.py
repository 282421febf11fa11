import json
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import smoke
from support.bundles import make_bundle

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    command = [sys.executable, ROOT / "scripts" / "smoke.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_a_sound_bundle_answers_as_training_did(tmp_path):
    done = run(f"bundle={make_bundle(tmp_path / 'bundle')}")
    assert done.returncode == 0, done.stderr
    assert "golden answers right" in done.stdout


def test_a_damaged_bundle_is_told_by_the_service(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    (bundle / "model.onnx").write_bytes(b"")
    done = run(f"bundle={bundle}")
    assert done.returncode == 1
    assert "model.onnx has changed" in done.stderr
    assert "ended before it was ready" in done.stderr


def test_a_wrong_answer_is_named(tmp_path, monkeypatch):
    bundle = make_bundle(tmp_path / "bundle")
    metadata = json.loads((bundle / "metadata.json").read_text())
    wrong = {"model": {"version": metadata["version"]}, "probabilities": [float("nan")] * 10}
    monkeypatch.setattr(smoke, "predict", lambda *_: wrong)
    with pytest.raises(KedjaError, match=r"samples/0\.png"):
        smoke.ask_golden("http://nowhere", bundle)


def test_nobody_there_is_one_message():
    with pytest.raises(KedjaError, match="was not ready within"):
        smoke.wait_until_ready("http://127.0.0.1:9", 0.1)
