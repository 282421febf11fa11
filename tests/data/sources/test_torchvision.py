import http.server
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source

pytest.importorskip("torchvision", reason="torchvision is not installed")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def write_idx(path, array):
    """MNIST's own format (http://yann.lecun.com/exdb/mnist/), zipped."""
    import gzip

    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A home of MNIST on this machine, with a few images."""
    import hashlib

    from torchvision.datasets import MNIST

    home = tmp_path / "home"
    home.mkdir()
    generator = np.random.default_rng(0)
    resources = []
    for part, number in (("train", 60), ("t10k", 20)):
        for kind, array in (
            ("images-idx3", generator.integers(0, 256, (number, 28, 28), dtype=np.uint8)),
            ("labels-idx1", (np.arange(number) % 10).astype(np.uint8)),
        ):
            file = home / f"{part}-{kind}-ubyte.gz"
            write_idx(file, array)
            resources.append((file.name, hashlib.md5(file.read_bytes()).hexdigest()))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=home)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(MNIST, "resources", resources)
        yield home
        server.shutdown()


def test_a_data_set_comes_by_its_name(tmp_path, mnist):
    settings = Settings(source="torchvision:MNIST")
    prepare(open_source(settings, tmp_path / "data" / ".mnist.source"), tmp_path / "data" / "mnist", settings)
    data = load(tmp_path / "data" / "mnist")
    assert data.images.shape == (80, 28, 28, 1)
    assert data.classes[3] == "3 - three"
    assert len(data.split("test")) == 20


def test_a_wrong_checksum_is_refused(tmp_path, mnist):
    next(mnist.iterdir()).write_bytes(b"something else")
    with pytest.raises(KedjaError, match="MNIST"):
        open_source(Settings(source="torchvision:MNIST"), tmp_path / "data" / "x")


def test_without_a_network_one_message_names_the_manual_way(tmp_path, mnist, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:1/"])
    with pytest.raises(KedjaError, match="download it by hand") as caught:
        open_source(Settings(source="torchvision:MNIST"), tmp_path / "data" / "x")
    assert str(Path(".downloads") / "MNIST") in str(caught.value)


def test_an_unknown_name_says_the_nearest():
    with pytest.raises(KedjaError, match="CIFAR10"):
        open_source(Settings(source="torchvision:CIFAR11"), Path("x"))


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    """A home of SVHN on this machine: three splits, one of them `extra`."""
    import hashlib

    from scipy.io import savemat
    from torchvision.datasets import SVHN

    home = tmp_path / "home"
    home.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=home)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        splits = {}
        for seed, split in enumerate(("train", "test", "extra")):
            pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3, 30), dtype=np.uint8)
            file = home / f"{split}_32x32.mat"
            savemat(file, {"X": pixels, "y": (np.arange(30) % 10)[:, None]})
            address = f"http://127.0.0.1:{server.server_port}/{file.name}"
            splits[split] = [address, file.name, hashlib.md5(file.read_bytes()).hexdigest()]
        monkeypatch.setattr(SVHN, "split_list", splits)
        yield home
        server.shutdown()


def test_splits_that_are_not_used_are_said(tmp_path, svhn, capfd):
    settings = Settings(source="torchvision:SVHN")
    prepare(open_source(settings, tmp_path / "data" / ".svhn.source"), tmp_path / "data" / "svhn", settings)
    data = load(tmp_path / "data" / "svhn")
    assert len(data) == 60
    assert len(data.split("test")) == 30
    assert "splits of SVHN that are not used: extra" in capfd.readouterr().err


def test_splits_without_one_to_train_on_are_named(tmp_path, svhn, monkeypatch):
    from torchvision.datasets import SVHN

    monkeypatch.setattr(SVHN, "split_list", {key: SVHN.split_list[key] for key in ("test", "extra")})
    with pytest.raises(KedjaError, match="has the splits test, extra, and none to train on"):
        open_source(Settings(source="torchvision:SVHN"), tmp_path / "data" / "x")
