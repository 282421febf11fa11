import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from kedja.frameworks.pytorch.pixel_model import PixelModel


class SmallNetwork(nn.Module):
    """Normalisation, a resize, convolutions and a pooling: what real networks are made of."""

    def __init__(self, channels: int = 1, classes: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.head = nn.Linear(8, classes)

    def forward(self, image):
        pixels = image.permute(0, 3, 1, 2).float() / 255
        pixels = nn.functional.interpolate(pixels, (16, 16), mode="bilinear", align_corners=False)
        return self.head(self.body((pixels - 0.3) / 0.2))


@pytest.fixture(scope="session")
def network():
    torch.manual_seed(0)
    network = SmallNetwork()
    # Moving statistics that are not the identity, so that a forgotten batch norm would show.
    network.body[1].running_mean.uniform_(-1, 1)  # type: ignore[operator]
    network.body[1].running_var.uniform_(0.5, 2)  # type: ignore[operator]
    return network.eval()


@pytest.fixture(scope="session")
def pixel_model(network):
    return PixelModel(network).eval()


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A folder with the prepared digits and one finished debug run."""
    from kedja.data.versions.ensure import ensure
    from kedja.training.config.compose import compose
    from kedja.training.config.run_folder import run_directory
    from kedja.training.loop.train import train

    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ensure("digits")
        config = compose(["experiment=debug"])
        train(config)
        return root, root / run_directory(config)


@pytest.fixture
def run(project, monkeypatch):
    """The finished run, with the project as working directory."""
    root, run = project
    monkeypatch.chdir(root)
    return run.relative_to(root)


class Payload:
    """Unpickled, it makes the folder `mark`."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.mkdir, (self.mark,)


@pytest.fixture
def payload(tmp_path):
    """A payload that has been seen to work, and must not work again."""
    mark = tmp_path / "code-was-run"
    pickle.loads(pickle.dumps(Payload(mark)))
    mark.rmdir()
    yield Payload(mark)
    assert not mark.exists(), "code was run"
