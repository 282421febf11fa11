import http.server
import json
import subprocess
import sys
import threading
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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_this_machine_is_asked_directly(monkeypatch, host):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    # Nobody listens at the discard port.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert smoke.wait_until_ready(f"http://{host}:{server.server_port}", 20) < 20
        thread.join()
    with pytest.raises(KedjaError, match="was not ready"):
        smoke.wait_until_ready("http://elsewhere.invalid", 0.1)
