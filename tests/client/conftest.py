from collections.abc import Iterator
from pathlib import Path

import pytest

from kedja.serving import keys
from support.bundles import make_bundle
from support.servers import Server


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("client") / "bundle", samples=7)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    return keys.add(file, "tester"), file


@pytest.fixture(scope="session")
def server(bundle: Path, key_file: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("log") / "log", f"bundle={bundle}", f"keys={key_file[1]}", "max_images=4")
    yield server
    server.stop()
