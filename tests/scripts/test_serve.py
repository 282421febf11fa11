"""`just serve` where there is no bundle yet."""

import subprocess
import sys
from pathlib import Path

import pytest

from kedja.bundle import metadata as bundles
from support.servers import Server

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def project(tmp_path):
    """A folder with one finished run and no bundle."""
    command = [sys.executable, SCRIPTS / "train.py", "experiment=debug", "epochs=1"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def serve(project):
    servers = []

    def start():
        log = project / f"{len(servers)}.log"
        servers.append(Server(log, program=[SCRIPTS / "serve.py"], cwd=project))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.mark.slow
def test_without_a_bundle_it_makes_one_and_then_keeps_it(project, serve):
    assert not (project / "bundle").exists()
    server = serve()
    assert "there is no bundle/ yet" in server.said
    made = bundles.load(project / "bundle")
    assert server.request("GET", "/model").json()["version"] == made.version
    for golden in made.golden:
        image = (project / "bundle" / golden.file).read_bytes()
        answer = server.request("POST", "/predict", image, Content_Type="application/octet-stream").json()
        assert answer["probabilities"] == pytest.approx(golden.probabilities, abs=1e-4)
    assert server.stop() == 0

    again = serve()
    assert "there is no bundle/" not in again.said
    assert again.request("GET", "/model").json()["version"] == made.version
    assert again.stop() == 0
