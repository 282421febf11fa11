"""Two small bundles, the application in this process, and a real server in a process of its own."""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """PEM files of a self-signed certificate for 127.0.0.1, valid for an hour, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kedja test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].touch(mode=0o600)
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


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

    def start(*arguments: str, bundle: Path = digits, **variables: Any) -> Server:
        server = Server(tmp_path / f"server-{len(servers)}.log", f"bundle={bundle}", *arguments, **variables)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.end()
