"""Peers that do odd things: a log that nobody reads, half-closed connections, odd headers."""

import io
import json
import os
import re
import select
import socket
import subprocess
import sys

import numpy as np
import pytest

from support.servers import wait_until

NPY = {"Content-Type": "application/x-npy"}


class UnreadLog:
    """A server whose standard error is a pipe that is full from the start."""

    def __init__(self, bundle, tmp_path, *arguments):
        self.reading, writing = os.pipe()
        os.set_blocking(writing, False)
        self.filled = 0
        while select.select([], [writing], [], 0)[1]:
            self.filled += os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        command = [sys.executable, "-m", "kedja.serving", "port=0", f"bundle={bundle}", *arguments]
        environment = {**os.environ, "KEDJA_THREADS": "2", "TMPDIR": str(tmp_path)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing, text=True, env=environment)
        os.close(writing)
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)", line)[1])

    def get(self, path):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def read(self):
        """What the log holds now."""
        data = b""
        while select.select([self.reading], [], [], 0.2)[0] and (piece := os.read(self.reading, 65536)):
            data += piece
        return data.lstrip(b"x")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()
        os.close(self.reading)


@pytest.fixture(params=[1, 2])
def unread(request, digits, tmp_path):
    server = UnreadLog(digits, tmp_path, f"workers={request.param}")
    yield server
    server.end()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pipes that are opened again")
def test_a_log_that_nobody_reads_stops_nothing(unread):
    for _ in range(300):
        assert unread.get("/health/live").startswith(b"HTTP/1.1 200")
    # The reader wakes up: as soon as something more is logged it finds what was kept, in whole lines.
    unread.read()
    for _ in range(4):
        unread.get("/health/live")
    lines = [json.loads(line) for line in unread.read().splitlines()]
    assert sum(line.get("path") == "/health/live" for line in lines) > 100
    unread.process.terminate()
    assert unread.process.wait(30) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pipes that are opened again")
def test_a_server_with_a_full_log_still_stops(unread):
    unread.get("/health/live")
    unread.process.terminate()
    assert unread.process.wait(30) == 0


def exchange(server, request):
    """Send all, say that there is no more, and read to the end."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path, body, kind="image/png"):
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def test_who_half_closes_after_a_whole_request_is_answered(start_server, digits):
    server = start_server(bundle=digits)
    sample = (digits / "samples/0.png").read_bytes()
    for _ in range(20):
        answer = exchange(server, post("/predict", sample))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"predicted_class" in answer
    two = exchange(server, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + post("/predict", sample))
    assert two.count(b"HTTP/1.1 200") == 2
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("missing", [1, 50])
def test_who_half_closes_within_a_request_is_not_waited_for(start_server, digits, missing):
    server = start_server("deadline=600", "header_timeout=600", bundle=digits)
    sample = (digits / "samples/0.png").read_bytes()
    assert exchange(server, post("/predict", sample)[:-missing]) == b""
    assert exchange(server, b"GET /health/live HTTP/1.1\r\nHo") == b""
    wait_until(lambda: b"kedja_in_work 0.0" in server.request("GET", "/metrics").body)


@pytest.mark.parametrize("path", ["/predict/", "/health/live/", "/metrics/", "/docs/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_redirects_to_what_the_host_header_says(client, path, method):
    answer = client.request(method, path, headers={"Host": "evil.example"}, follow_redirects=False)
    assert answer.status_code in (404, 405)
    assert "evil" not in answer.text
    assert "location" not in answer.headers


TOP = "application/vnd.kedja.top+json"


@pytest.mark.parametrize(
    "accept",
    [
        f"{TOP};q=high",
        f"{TOP};q=1.1",
        f"{TOP};q=-1",
        f"{TOP};q=nan",
        f"{TOP};q=",
        f"{TOP};q=0.1234",
        f"{TOP};q=1e0",
        f"{TOP};k=0",
        f"{TOP};k=many",
        f"{TOP};k=99999999999999999999",
        f"{TOP};k={'9' * 5000}",
    ],
)
def test_a_bad_accept_is_the_senders_mistake(client, digits, accept):
    sample = (digits / "samples/0.png").read_bytes()
    answer = client.post("/predict", content=sample, headers={"Content-Type": "image/png", "Accept": accept})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"] in ("invalid-accept", "invalid-input")


@pytest.mark.parametrize(
    ("accept", "key"),
    [
        (f"{TOP};q=0.5, application/json", "probabilities"),
        (f"{TOP};q=0.5, application/vnd.kedja.class+json;q=0.4", "top"),
        (f"{TOP};q=0, application/json;q=0.1", "probabilities"),
        (f"{TOP};q=0", "probabilities"),
        (f"{TOP};k=2, application/json", "top"),
        (f"text/html, {TOP};q=0.001", "top"),
    ],
)
def test_weights_decide(client, digits, accept, key):
    sample = (digits / "samples/0.png").read_bytes()
    answer = client.post("/predict", content=sample, headers={"Content-Type": "image/png", "Accept": accept})
    assert answer.status_code == 200
    assert key in answer.json()


def npy(header, data=b"", version=1):
    text = header.encode("latin-1")
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def head(shape="(8, 8, 1)", descr="'|u1'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


@pytest.mark.parametrize(
    "body",
    [
        npy(head("(" + "1," * 65 + ")"), b"x"),
        npy(head("(" + "1," * 300 + ")"), b"x"),
        npy(head("(0, 8, 8, 1)")),
        npy(head("(0,)")),
        npy(head("()"), b"x"),
        npy(head("(True, 8, 8)"), bytes(64)),
        npy(head("(-8, -8, 1)"), bytes(64)),
        npy(head(f"({10**300}, {10**300})"), bytes(64)),
        npy(head("(2**3,)"), bytes(8)),
        npy(head("[8, 8, 1]"), bytes(64)),
        npy(head(descr="('|u1', (2, 2))"), bytes(256)),
        npy(head(descr="[('a', '|u1')]"), bytes(64)),
        npy(head(descr="'|O'"), bytes(64)),
        npy(head(descr="'|V0'"), b""),
        npy(head(descr="'|S0'"), b""),
        npy(head(descr="'<M8[s]'"), bytes(512)),
        npy(head(descr="'>f16'"), bytes(1024)),
        npy(head(order="3"), bytes(64)),
        npy(head(order="None"), bytes(64)),
        npy("(" * 900 + ")" * 90, bytes(64)),
        npy("{" + "'a':" * 200, bytes(64)),
        npy(head() + " " * 5000, bytes(64)),
        npy(head(), bytes(64), version=3),
        npy(head(), bytes(64), version=9),
        npy(head("(8L, 8L, 1L)"), bytes(64))[:-1],
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
    ],
)
def test_odd_npy_headers_are_the_senders_mistake(client, body):
    answer = client.post("/predict", content=body, headers=NPY)
    assert 400 <= answer.status_code < 500, answer.text


def test_a_plain_npy_is_answered(client):
    file = io.BytesIO()
    np.save(file, np.zeros((8, 8, 1), np.uint8))
    assert client.post("/predict", content=file.getvalue(), headers=NPY).status_code == 200
