"""Which file weights come from: its revision and its hash, for the provenance of a run."""

from dataclasses import dataclass
from pathlib import Path

from kedja.common.files import sha256


@dataclass(frozen=True)
class Origin:
    """Attributes:
    file: its name.
    revision: which version of it its publisher gave: a commit, a release, or `by hand` of one that somebody put there.
    file_sha256: of its bytes.
    """

    file: str
    revision: str
    file_sha256: str


def checkpoints() -> Path:
    """Where torch keeps files of weights, `torch/hub/checkpoints` in the cache."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"  # noqa: TID251 -- nothing is loaded


def of_file(path: Path, revision: str) -> Origin:
    """The origin of what lies at `path`."""
    return Origin(path.name, revision, sha256(path))
