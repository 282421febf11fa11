"""Two small bundles, the application in this process, and a real server in a process of its own."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from kedja.bundle.image_spec import ImageSpec
from kedja.serving.app import create_app
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from kedja.serving.state import Service
from support.bundles import make_bundle

FRUIT = ["Apple", "Äpple, grön", "Banana"]


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8×8 luminance, ten classes."""
    return make_bundle(tmp_path_factory.mktemp("digits") / "bundle")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """224×224 colour, three classes with names beyond ASCII."""
    spec = ImageSpec(224, 224, 3, "crop", "bicubic", crop_fraction=0.875)
    return make_bundle(tmp_path_factory.mktemp("photos") / "bundle", spec, FRUIT, image_format="JPEG", name="fruit")


@pytest.fixture
def serve_here(digits: Path) -> Iterator[Callable[..., TestClient]]:
    """`serve_here(bundle, key=value, …)` → a client of the application in this process."""
    clients = []

    def start(bundle: Path = digits, **settings: object) -> TestClient:
        options = Settings(bundle=bundle, threads=2, access_log=False, **settings)
        app = create_app(Service(options, Predictor(bundle)))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve_here: Callable[..., TestClient]) -> TestClient:
    return serve_here()


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """`python -m kedja.serving` with these arguments, on a free port."""

    def __init__(self, log: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "kedja.serving", "port=0", *arguments]
        environment = {**os.environ, "KEDJA_THREADS": "2"}
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        first = self.process.stdout.readline()
        found = re.search(r"http://(\S+):(\d+)", first)
        if not found:
            self.process.wait(30)
            self.process.stdout.close()
            pytest.fail(first + log.read_text())
        self.host, self.port = found[1], int(found[2])
        self.url = found[0]

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; `Content_Type=…` is a header."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=20)) as connection:
            connection.request(method, path, body, {key.replace("_", "-"): text for key, text in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


@pytest.fixture
def start_server(tmp_path: Path, digits: Path) -> Iterator[Callable[..., Server]]:
    """`start_server(*arguments, bundle=…)` → a real server; killed at the end where the test did not stop it."""
    servers = []

    def start(*arguments: str, bundle: Path = digits) -> Server:
        server = Server(tmp_path / f"server-{len(servers)}.log", f"bundle={bundle}", *arguments)
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)
        server.process.stdout.close()
