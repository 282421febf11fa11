"""`data/<name>/`, made or verified: what every recipe calls before it reads a data set."""

from pathlib import Path

from kedja.common.names import plain_name
from kedja.data.versions.folder_hash import hash_folder
from kedja.data.versions.pins import read_pins

DATASET = "dataset.json"


def ensure(name: str = "digits", root: Path = Path()) -> Path:
    """`data/<name>/` below `root`, verified against `data.dvc`; made or repaired where that is needed.

    With nothing changed since the last time this looks at sizes and times only.

    Raises:
        KedjaError: the name is no plain one, no such data set, or its source does not give what is pinned.
    """
    folder = root / "data" / plain_name("data", name)
    if (folder / DATASET).is_file():
        pin = read_pins(root).get(name)
        if pin is None or hash_folder(folder).hash == pin.hash:
            return folder
    # Only now: preparation imports much that a quick look does not need.
    from kedja.data.versions.obtain import obtain

    return obtain(name, root)
