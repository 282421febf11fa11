"""The client as another project's dependency: installed from the checkout into an environment of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.bundle import metadata as bundles

ROOT = Path(__file__).resolve().parents[2]
NO_INDEX = re.compile("network|connect|dns|timed out|failed to fetch|no solution found", re.IGNORECASE)

ASK = """
import json, sys
from importlib.metadata import distributions
from kedja.client.sync import Client
with Client(sys.argv[1], key=sys.argv[2]) as client:
    answer = client.predict(sys.argv[3])
print(json.dumps([answer.predicted_class, sorted(one.name.lower() for one in distributions())]))
"""


def test_the_client_installs_alone_and_answers(server, bundle, key_file, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    folder = tmp_path / "its environment"
    subprocess.run(
        ["uv", "venv", "--quiet", "--no-project", "--python", sys.executable, folder], check=True, timeout=60
    )
    python = folder / "bin" / "python"
    command = ["uv", "pip", "install", "--quiet", "--python", python, f"kedja[client] @ {ROOT.as_uri()}"]
    for offline in ("1", "0"):  # all of it may lie in uv's cache
        variables = environment | {"UV_OFFLINE": offline, "UV_HTTP_TIMEOUT": "20"}
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
        if done.returncode == 0:
            break
    if done.returncode != 0 and NO_INDEX.search(done.stderr):
        pytest.skip(f"no package index answers, and uv's cache lacks a package: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    golden = bundles.load(bundle).golden[0]
    asked = [python, "-c", ASK, server.url, key_file[0], bundle / golden.file]
    answer = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    predicted, installed = json.loads(answer.stdout)
    assert predicted == max(zip(golden.probabilities, bundles.load(bundle).classes, strict=True))[1]
    assert {"httpx", "kedja"} <= set(installed)
    assert not {"numpy", "pillow", "fastapi", "onnxruntime", "torch", "uvicorn"} & set(installed)
