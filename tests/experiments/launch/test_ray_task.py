"""What a node does, without a cluster: it looks first, and refuses to run what is not the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from kedja.experiments.launch.pool import Task
from kedja.experiments.launch.ray_task import Place, look, pack, run_shared, sources, unpack


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "marker").touch()
    return Place(tmp_path, tmp_path / "marker", sources())


@pytest.fixture
def task() -> Task:
    return Task("help", [], ["kedja.baselines.__main__", "--help"], Path("runs/help.log"))


def test_the_command_runs_in_the_shared_folder(place: Place, task: Task) -> None:
    assert look(place).shared
    assert look(place).same_code
    assert run_shared(task, place).status == 0
    assert "scikit-learn baseline" in (place.folder / task.log).read_text()


def test_a_node_that_is_not_the_same_refuses(place: Place, task: Task) -> None:
    blind = replace(place, marker=place.folder / "nowhere")
    assert b"does not see" in run_shared(task, blind).log
    other = replace(place, sources="0" * 64)
    assert b"has other code" in run_shared(task, other).log
    assert not (place.folder / task.log).exists()


def test_a_folder_survives_the_journey(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "tensorboard").mkdir(parents=True)
    (folder / "tensorboard/events").write_bytes(b"\x00\x01")
    (tmp_path / "outside").write_text("linked")
    (folder / "link").symlink_to(tmp_path / "outside")
    unpack(pack(folder), tmp_path / "copy")
    assert (tmp_path / "copy/tensorboard/events").read_bytes() == b"\x00\x01"
    assert (tmp_path / "copy/link").read_text() == "linked"
    assert not (tmp_path / "copy/link").is_symlink()
