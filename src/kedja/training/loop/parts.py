"""`last.ckpt` of a network that is shared out: a part a process, and one file that says which parts belong together.

The parts lie in a folder beside `last.ckpt`, which is written when all of them are there and names the folder: a run
that is killed in between goes on from the parts before. Any number of processes can go on from them.
"""

import shutil
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from kedja.common.errors import KedjaError
from kedja.training.loop.checkpoint import load_checkpoint, save_checkpoint
from kedja.training.loop.sharding import joined

PARTS, COUNT = "parts", "processes"


def save_parts(path: Path, tensors: dict[str, Any], rest: dict[str, Any], fabric: Fabric) -> None:
    """Every process writes its `tensors`, the first one `rest` once all parts are on the disk."""
    # The last step of an epoch has two states: before and after its validation.
    folder = path.with_name(f"{path.name}.parts-{rest['position']['step']}-{rest['position']['epoch']}")
    folder.mkdir(parents=True, exist_ok=True)
    save_checkpoint(_part(folder, fabric.global_rank), tensors)
    fabric.barrier()
    if fabric.is_global_zero:
        save_checkpoint(path, rest | {PARTS: folder.name, COUNT: fabric.world_size})
        drop_parts(path, folder.name)
    fabric.barrier()


def drop_parts(path: Path, but: str = "") -> None:
    """Remove the folders of parts beside a checkpoint that does not name them any more."""
    for folder in path.parent.glob(f"{path.name}.parts-*"):
        if folder.name != but:
            shutil.rmtree(folder)


def load_whole(path: Path) -> dict[str, Any]:
    """A checkpoint, put together where it is in parts.

    Raises:
        KedjaError: a file is missing or damaged.
    """
    state = load_checkpoint(path)
    if PARTS not in state:
        return state
    folder = path.with_name(state.pop(PARTS))
    files = [_part(folder, rank) for rank in range(state.pop(COUNT))]
    if missing := [file for file in files if not file.is_file()]:
        raise KedjaError(f"{missing[0]} is missing, a part of {path}", f"remove {path} to start the run anew")
    tensors: dict[str, Any] = joined([load_checkpoint(file) for file in files])
    return state | tensors


def _part(folder: Path, rank: int) -> Path:
    return folder / f"{rank}.ckpt"
