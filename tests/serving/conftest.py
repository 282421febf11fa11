"""Two small bundles, the application in this process, and a real server in a process of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.serving.app import create_app
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from kedja.serving.state import Service
from support.bundles import make_bundle
from support.servers import Server

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


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `digits`, with a reference for drift."""
    return make_bundle(tmp_path_factory.mktemp("watched") / "bundle", reference=1500)


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


@pytest.fixture
def start_server(tmp_path: Path, digits: Path) -> Iterator[Callable[..., Server]]:
    """`start_server(*arguments, bundle=…)` → a real server; killed at the end where the test did not stop it."""
    servers = []

    def start(*arguments: str, bundle: Path = digits, **variables: str) -> Server:
        server = Server(tmp_path / f"server-{len(servers)}.log", f"bundle={bundle}", *arguments, **variables)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.end()
