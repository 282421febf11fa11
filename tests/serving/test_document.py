"""The examples of docs/serving.md, run as they stand there against a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kedja.bundle import metadata as bundles
from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.serving.predictor import Predictor

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
ADDRESS = "http://localhost:8000"
# Every example must succeed, and its answer stand on a line of its own.
CURL = 'set -e; curl() { command curl --fail-with-body --silent --show-error "$@"; echo; }\n'


def examples(language):
    """The fenced blocks of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"there is no example in {language}"
    assert all(ADDRESS in example for example in found)
    return "\n".join(found)


def run(command, text, cwd):
    done = subprocess.run(command, input=text, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl(start_server, digits, tmp_path):
    server = start_server()
    output = run(["sh"], CURL + examples("sh").replace(ADDRESS, server.url), tmp_path)
    answers = [json.loads(line) for line in output.splitlines() if line]
    assert len(answers) == 4
    predictor = Predictor(digits)
    pixels = preprocess((tmp_path / "digit.png").read_bytes(), predictor.metadata.input)
    expected = predictor.predict({"image": pixels[None]})[0]
    for answer in answers[:3]:
        assert answer["probabilities"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert answers[3]["predicted_class"] in predictor.metadata.classes


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_javascript(start_server, digits, tmp_path):
    server = start_server()
    script = examples("js").replace(ADDRESS, server.url)
    output = run(["node", "--input-type=module", "-"], script, tmp_path)
    lines = dict(line.split(": ") for line in output.splitlines())
    metadata = bundles.load(digits)
    # This bundle's labels are what its model answers.
    known = {(metadata.classes[golden.label], round(max(golden.probabilities), 4)) for golden in metadata.golden}
    name, probability = lines["answered"].split()
    assert name == lines["sent"]
    assert (name, round(float(probability), 4)) in known
    several = lines["several"].split()
    assert len(several) == 3
    assert set(several) <= {name for name, _ in known}
