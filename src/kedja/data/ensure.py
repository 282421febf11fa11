"""`data/<name>/`, made or verified: what every recipe calls before it reads a data set."""

from pathlib import Path


def ensure(name: str = "digits", root: Path = Path()) -> Path:
    """`data/<name>/` below `root`, made where it is missing."""
    folder = root / "data" / name
    if not (folder / "dataset.json").is_file():
        from kedja.data.prepare import prepare
        from kedja.data.sources.registry import open_source

        settings = {"source": name, "fractions": [0.7, 0.15, 0.15], "seed": 0}
        prepare(open_source(settings), folder, settings)
    return folder
