"""A real server as operators see it: workers, signals, reload, drain, metrics, limits on heads, CORS, HTTPS."""

import http.client
import json
import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import pytest

from expensive import jpeg_scans
from kedja.bundle import metadata as bundles
from support.bundles import make_bundle
from support.servers import wait_until

IMAGE = {"Content-Type": "image/png"}


def children(server):
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(word) for word in text.split()]


def ready(server):
    """How many workers have said that they are ready."""
    return server.log.read_text().count('"message":"ready"')


def version(server):
    return server.request("GET", "/model").json()["version"]


class Load:
    """Threads that ask on kept connections until told to stop, and check every answer."""

    def __init__(self, server, expected, threads=4):
        self.server = server
        self.expected = expected  # body → set of allowed (version, predicted class)
        self.answered = 0
        self.wrong = []
        self.refused = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=20)
        while not self._stop.is_set():
            for body, allowed in self.expected.items():
                try:
                    connection.connect() if connection.sock is None else None
                except ConnectionRefusedError:
                    self.refused += 1  # never accepted, so not lost
                    return connection.close()
                try:
                    connection.request("POST", "/predict", body, IMAGE)
                    response = connection.getresponse()
                    answer = json.loads(response.read())
                    got = (answer["model"]["version"], answer["predicted_class"])
                    if response.status != 200 or got not in allowed:
                        self.wrong.append(answer)
                except Exception as error:
                    self.wrong.append(repr(error))
                    connection.close()
                self.answered += 1
        return connection.close()

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def expectations(*folders):
    """Sample bytes of the first bundle → what each bundle says of them."""
    from kedja.serving.predictor import Predictor

    first = Predictor(folders[0])
    allowed = {}
    for sample in first.samples:
        allowed[sample.data] = set()
        for folder in folders:
            predictor = Predictor(folder)
            expected = predictor.metadata.input
            index = predictor.predict(expected.collate([expected.decode(sample.data)]))[0].argmax()
            allowed[sample.data].add((predictor.metadata.version, predictor.metadata.classes[index]))
    return allowed


@pytest.fixture
def bundle(digits, tmp_path):
    return shutil.copytree(digits, tmp_path / "bundle")


def replace(bundle, other):
    """Put another bundle in place, as an export does: beside it, then renamed."""
    shutil.copytree(other, bundle.with_name("new"))
    bundle.rename(bundle.with_name("old"))
    bundle.with_name("new").rename(bundle)
    shutil.rmtree(bundle.with_name("old"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_bundle_is_swapped_in_under_load(start_server, bundle, tmp_path, workers):
    other = make_bundle(tmp_path / "other", seed=1)
    server = start_server(f"workers={workers}", bundle=bundle)
    wait_until(lambda: ready(server) == workers)
    load = Load(server, expectations(bundle, other))
    wait_until(lambda: load.answered > 50)
    replace(bundle, other)
    server.process.send_signal(signal.SIGHUP)
    new = bundles.load(other).version
    wait_until(lambda: server.log.read_text().count("now serving") == workers)
    assert {version(server) for _ in range(10)} == {new}
    seen = load.answered
    wait_until(lambda: load.answered > seen + 50)
    load.finish()
    assert load.wrong == []
    assert load.refused == 0


def test_a_bad_bundle_is_refused_and_the_old_one_serves_on(start_server, bundle, tmp_path):
    old = bundles.load(bundle).version
    server = start_server("watch=0.1", bundle=bundle)
    model = bundle / bundles.MODEL
    good = model.read_bytes()
    model.write_bytes(good + b"x")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "model.onnx has changed" in server.log.read_text())
    assert version(server) == old
    assert b'kedja_reloads_total{result="refused"} 1.0' in server.request("GET", "/metrics").body
    # A good one that comes later is found without a signal.
    other = make_bundle(tmp_path / "other", seed=2)
    replace(bundle, other)
    wait_until(lambda: version(server) == bundles.load(other).version)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_loses_nothing(start_server, digits, workers):
    server = start_server(f"workers={workers}", "drain=0.5")
    load = Load(server, expectations(digits), threads=8)
    wait_until(lambda: load.answered > 200)
    assert server.stop() == 0
    load.finish()
    assert load.wrong == []
    assert load.refused == 8
    assert "Traceback" not in server.log.read_text()


def test_while_it_drains_it_is_not_ready_and_ends_connections(start_server):
    server = start_server("drain=20")
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: server.request("GET", "/health/ready").status == 503)
    answer = server.request("GET", "/health/live")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert server.stop() == 0  # asked twice


def test_a_worker_that_dies_is_replaced(start_server):
    server = start_server("workers=2")
    wait_until(lambda: ready(server) == 2)
    victim = children(server)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: ready(server) == 3)
    assert len(children(server)) == 2
    for _ in range(10):
        assert server.request("GET", "/health/ready").status == 200
    assert server.stop() == 0
    assert "ended with status -9" in server.log.read_text()


def test_workers_do_not_outlive_their_supervisor(start_server):
    server = start_server("workers=2", "drain=0")
    wait_until(lambda: ready(server) == 2)
    workers = children(server)
    assert len(workers) == 2
    server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_metrics_are_right_across_workers(start_server, digits):
    server = start_server("workers=2")
    wait_until(lambda: ready(server) == 2)
    sample = (digits / "samples/0.png").read_bytes()
    name = server.request("POST", "/predict", sample, Content_Type="image/png").json()["predicted_class"]
    for _ in range(19):
        server.request("POST", "/predict", sample, Content_Type="image/png")
    server.request("POST", "/predict", b"junk", Content_Type="image/png")
    server.request("GET", "/surely/nowhere")
    for _ in range(4):  # whichever worker answers
        lines = server.request("GET", "/metrics").body.decode().splitlines()
        assert 'kedja_requests_total{path="/predict",status="200"} 20.0' in lines
        assert 'kedja_requests_total{path="/predict",status="400"} 1.0' in lines
        assert 'kedja_requests_total{path="other",status="404"} 1.0' in lines
        assert 'kedja_errors_total{code="unknown-format"} 1.0' in lines
        assert f'kedja_predictions_total{{class_name="{name}"}} 20.0' in lines
        assert "kedja_batch_images_sum 20.0" in lines
        assert "kedja_in_work 0.0" in lines
        assert 'kedja_stage_seconds_count{stage="model"} 20.0' in lines
    assert server.stop() == 0


def test_a_bundle_that_is_not_good_ends_all_workers_with_one_message(bundle, start_server):
    (bundle / bundles.MODEL).write_bytes(b"")
    with pytest.raises(pytest.fail.Exception, match="has changed") as failure:
        start_server("workers=3", bundle=bundle)
    assert str(failure.value).count("error:") == 1


def test_heads_that_never_end_are_given_up(start_server):
    server = start_server("header_timeout=0.3")
    for beginning in (b"", b"GET /", b"GET / HTTP/1.1\r\nX: "):
        with socket.create_connection((server.host, server.port), timeout=20) as connection:
            connection.sendall(beginning)
            assert connection.recv(100) == b""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        for _ in range(2):  # the second request of a kept connection is waited for as well
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(2000)
            assert answer.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /hea")
        assert connection.recv(100) == b""


def test_a_full_queue_says_when_to_come_again_and_health_answers(start_server, digits):
    server = start_server("queue=2", "deadline=20", "decoders=1")
    data = jpeg_scans(4000, 80)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
    slow = [socket.create_connection((server.host, server.port), timeout=20) for _ in range(2)]
    for connection in slow:
        connection.sendall(head + data)
    server.hang_decoders()
    sample = (digits / "samples/0.png").read_bytes()

    def ask():
        return server.request("POST", "/predict", sample, Content_Type="image/png")

    wait_until(lambda: ask().status == 503)
    busy = ask()
    assert busy.headers["retry-after"] == "1"
    assert busy.json()["error"]["code"] == "busy"
    assert server.request("GET", "/health/ready").status == 200
    for connection in slow:
        connection.close()
    wait_until(lambda: ask().status == 200, 60)


def test_cors_is_off_unless_origins_are_named(serve_here):
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in serve_here().get("/model", headers=origin).headers
    client = serve_here(cors=["https://shop.example"])
    assert client.get("/model", headers=origin).headers["access-control-allow-origin"] == "https://shop.example"
    other = {**origin, "Origin": "https://other.example"}
    assert "access-control-allow-origin" not in client.get("/model", headers=other).headers
    assert client.options("/predict", headers=origin).status_code == 200


def test_the_document_follows_the_bundle(serve_here, bundle, tmp_path):
    client = serve_here(bundle)
    before = client.get("/openapi.json").json()
    replace(bundle, make_bundle(tmp_path / "other", classes=["no", "yes"], seed=3))
    client.portal.call(client.app.state.service.reload)
    after = client.get("/openapi.json").json()
    assert before["info"]["version"] != after["info"]["version"] == bundles.load(bundle).version
    assert client.get("/class-names").json() == {"class_names": ["no", "yes"], "classes": ["no", "yes"]}
    example = after["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]["pixels"]
    assert len(client.post("/predict", json=example["value"]).json()["probabilities"]) == 2
