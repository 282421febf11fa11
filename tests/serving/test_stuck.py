"""A worker that makes no progress: requests are answered at their deadline, readiness fails, and a stop ends."""

import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from support import stubborn_server
from support.bundles import encode
from support.servers import wait_until

PNG = {"Content-Type": "image/png"}
IMAGE = encode(Image.new("L", (8, 8), 9))


@pytest.fixture
def stuck(serve_here, monkeypatch):
    """A client of a service whose model answers when `event` is set."""
    client = serve_here(deadline=0.5)
    event = threading.Event()
    engine = client.app.state.service.engine
    predict = engine.predictor.predict
    monkeypatch.setattr(engine.predictor, "predict", lambda feed: event.wait(60) and predict(feed))
    yield client, event
    event.set()


def test_the_deadline_is_kept_readiness_fails_and_comes_back(stuck):
    client, event = stuck
    for _ in range(2):  # one for each worker
        answer = client.post("/predict", content=IMAGE, headers=PNG)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["code"] == "deadline"
    wait_until(lambda: client.get("/health/ready").status_code == 503)
    assert client.get("/health/ready").json()["error"]["code"] == "stuck"
    assert client.get("/health/live").status_code == 200
    event.set()
    wait_until(lambda: client.get("/health/ready").status_code == 200)
    assert client.post("/predict", content=IMAGE, headers=PNG).status_code == 200


def test_a_stop_leaves_a_stuck_worker_behind(stuck, caplog):
    client, _ = stuck
    assert client.post("/predict", content=IMAGE, headers=PNG).status_code == 503
    client.app.state.service.engine.stop(0.1)
    assert "did not end within 0.1 s" in caplog.text


def test_one_busy_worker_is_not_stuck(stuck):
    client, _ = stuck
    assert client.post("/predict", content=IMAGE, headers=PNG).status_code == 503
    time.sleep(0.6)
    assert client.get("/health/ready").status_code == 200


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer of the kernel's here")
def test_a_stop_ends_in_its_time_whatever_holds_the_event_loop(start_server):
    """The kernel ends it: by a signal, since nothing of the process itself can."""
    server = start_server("deadline=0.2", "drain=0", program=(Path(stubborn_server.__file__),))
    assert server.request("GET", "/health/live").status == 200
    assert server.stop() == -signal.SIGALRM
