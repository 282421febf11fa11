"""Whatever arrives, the service answers with 4xx and a reason, and serves on.

`KEDJA_FUZZ=20` tries twenty times as much as a normal run of the tests does.
"""

import contextlib
import http.client
import itertools
import os
import random
import socket
from pathlib import Path

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kedja.bundle.inputs.image.preprocess import FORMATS
from kedja.bundle.inputs.image.spec import ImageSpec
from support.bundles import encode, make_bundle, random_image
from support.servers import Server

TIMES = int(os.environ.get("KEDJA_FUZZ", "1"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One real server for all of this file: it must survive everything."""
    bundle = make_bundle(tmp_path_factory.mktemp("fuzz") / "bundle")
    server = Server(tmp_path_factory.mktemp("log") / "log", f"bundle={bundle}", "max_body=200000", "deadline=5")
    yield server
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"level":"error"' not in log


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    "POST /predict",
    "GET /class-names",
    "GET /sample",
    "GET /model",
    "GET /metrics",
    "GET /drift",
    "GET /health/ready",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_service_keeps_to_its_document(server, operation):
    method, path = operation.split()
    document = schemathesis.openapi.from_url(server.url + "/openapi.json")

    @given(case=document[path][method].as_strategy())
    @settings(
        max_examples=TIMES * (60 if method == "POST" else 5), deadline=None, suppress_health_check=list(HealthCheck)
    )
    def check(case):
        case.call_and_validate(checks=CHECKS)

    check()


def hostile(rng):
    """Images of every format: cut, with flipped bytes, glued together, and with other files inside."""
    for name in FORMATS:
        good = encode(random_image(rng_numpy(rng), ImageSpec(16, 16, 3)), name)
        yield good
        for _ in range(6):
            damaged = bytearray(good)
            for _ in range(rng.randrange(1, 12)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            yield bytes(damaged)
            yield good[: rng.randrange(len(good))]
        yield good + b"<script>alert(1)</script>" + b"PK\x03\x04" + b"\x00" * 50
        yield b"GIF89a" + good
        yield good * 3


def rng_numpy(rng):
    return np.random.default_rng(rng.randrange(2**32))


def test_hostile_images_are_answered_or_refused(server):
    statuses = set()
    for data in itertools.chain.from_iterable(hostile(random.Random(7 + turn)) for turn in range(TIMES)):
        reply = server.request("POST", "/predict", data, Content_Type="image/x")
        assert reply.status in (200, 400, 413), (reply, data[:40])
        statuses.add(reply.status)
    assert {200, 400} <= statuses


@given(
    st.binary(max_size=400),
    st.sampled_from(
        [
            "application/json",
            "application/x-npy",
            "multipart/form-data; boundary=b",
            "multipart/form-data; boundary=" + "b" * 300,
            "image/png",
            "application/octet-stream",
            'image/png; charset="',
            "text/plain",
            "APPLICATION/JSON;;;",
        ]
    ),
)
@settings(max_examples=150 * TIMES, deadline=None)
def test_any_body_under_any_type(server, body, content_type):
    reply = server.request("POST", "/predict", body, Content_Type=content_type)
    assert 200 <= reply.status < 500
    assert reply.status == 200 or reply.json()["error"]["message"]


PIECES = [b"GET / HTTP/1.1\r\n", b"POST /predict HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n", b"\r\n"]
PIECES += [
    b"Transfer-Encoding: chunked\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"Content-Length: -1\r\n",
    b"\x00\xff",
    b"x",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.booleans())
@settings(max_examples=80 * TIMES, deadline=None)
def test_any_talk_on_a_socket(server, pieces, half_close):
    """Broken heads, smuggling attempts, connections closed in the middle or half: never a 5xx."""
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.settimeout(0.05)
        try:
            connection.sendall(b"".join(pieces))
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except (TimeoutError, ConnectionError, OSError):
            return
    assert not answer.startswith(b"HTTP/1.1 5")


@pytest.mark.parametrize("end", [b"junk\r\n\r\n", b""])
def test_several_requests_in_one_piece_whose_sender_is_gone(server, end):
    """The answer to the first has nobody to go to: that is no error of ours."""
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    before = server.log.read_text().count('"level":"error"')
    for _ in range(20):
        with socket.create_connection((server.host, server.port), timeout=5) as connection:
            connection.sendall(3 * request + end)
    assert server.request("GET", "/health/ready").status == 200
    assert server.log.read_text().count('"level":"error"') == before


def test_slow_clients_do_not_hold_the_others(server):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    slow = [socket.create_connection((server.host, server.port), timeout=20) for _ in range(50)]
    for connection in slow:
        connection.sendall(head + b"x")
    sample = encode(random_image(rng_numpy(random.Random(1)), ImageSpec(8, 8, 1)))
    for _ in range(20):
        assert server.request("POST", "/predict", sample, Content_Type="image/png").status == 200
    assert server.request("GET", "/health/ready").status == 200
    for connection in slow:
        connection.close()


def test_memory_does_not_grow(server):
    """Many requests of many shapes and errors: the resident memory settles."""
    sample = encode(random_image(rng_numpy(random.Random(2)), ImageSpec(64, 64, 3)), "JPEG")

    def resident():
        return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096

    def ask_many():
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        with contextlib.closing(connection):
            for number in range(400):
                kind = ("image/jpeg", "image/jpeg", "application/json", "text/plain")[number % 4]
                connection.request("POST", "/predict", sample[: 10**6 if number % 3 else 100], {"Content-Type": kind})
                connection.getresponse().read()

    ask_many()
    before = resident()
    for _ in range(3):
        ask_many()
    assert resident() - before < 20_000_000
