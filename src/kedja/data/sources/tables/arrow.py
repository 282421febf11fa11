"""Tables in Parquet and Arrow, as the hub's data sets are: one file, or a folder of them, a split a file or folder.

Their library, pyarrow, is 45 MB and in a group of its own: CSV and JSON need nothing.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import SPLIT_NAMES
from kedja.data.sources.tables.table import Row

SUFFIXES = (".parquet", ".pq", ".arrow")
HUB = "huggingface:"


def arrow_files(folder: Path) -> list[tuple[Path, str]]:
    """The files of a folder of tables with the split that each is of; empty where there are none, or images too."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    named = [(path, _split_of(path.relative_to(folder))) for path in found if not path.name.startswith("cache-")]
    return named if all(split for _, split in named) or len(named) == 1 else [(path, "") for path, _ in named]


def column_names(file: Path) -> list[str]:
    """Of the columns, in order."""
    return list(_schema(file).names)


def rows(file: Path, first_line: int = 1) -> Iterator[Row]:
    """The names of the columns, then each row's cells as text; numbered labels as the names that the file has for them.

    Raises:
        KedjaError: the file is damaged, or pyarrow is missing.
    """
    schema = _schema(file)
    names = _class_names(schema.metadata or {})
    yield first_line, list(schema.names)
    line = first_line
    for batch in _batches(file):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            line += 1
            yield line, [_cell(value, names.get(name)) for name, value in zip(schema.names, values, strict=True)]


def fetch(name: str, folder: Path) -> tuple[Path, str]:
    """A data set of the hub as a folder of its files, and its revision; needs the network, or the hub's cache.

    Raises:
        KedjaError: it cannot be had.
    """
    try:
        from huggingface_hub import HfApi, snapshot_download

        patterns = [f"*{suffix}" for suffix in SUFFIXES]
        revision = str(HfApi().dataset_info(name, timeout=30).sha)
        path = snapshot_download(
            name, repo_type="dataset", revision=revision, allow_patterns=patterns, local_dir=folder / revision[:12]
        )
    except Exception as error:  # noqa: BLE001 -- the hub's client raises many kinds
        raise KedjaError(
            f"{HUB}{name} cannot be had: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}",
            "connect to the network, or give the folder of a copy: source=<folder>",
        ) from None
    return Path(path), revision


def _cell(value: Any, names: list[str] | None) -> str:
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Column → names of its numbers, from what the hub's library writes into a schema."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    except ValueError:
        return {}
    return {
        name: [str(one) for one in about["names"]]
        for name, about in features.items()
        if isinstance(about, dict) and isinstance(about.get("names"), list)
    }


def _split_of(path: Path) -> str:
    """What a file's name begins with, or one of its folders is called: `train-00000-of-00001.parquet`, `test/…`."""
    words = [path.stem.partition("-")[0], *path.parts[:-1][::-1]]
    return next((SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES), "")


def _schema(file: Path) -> Any:
    reader = _open(file)
    return reader.schema_arrow if hasattr(reader, "schema_arrow") else reader.schema


def _batches(file: Path) -> Iterator[Any]:
    reader = _open(file)
    yield from reader.iter_batches() if hasattr(reader, "iter_batches") else reader


def _open(file: Path) -> Any:
    try:
        import pyarrow
        from pyarrow import ipc, parquet
    except ImportError:
        raise KedjaError(f"{file} needs the package pyarrow", "just env groups=dev,parquet, or write a CSV") from None
    try:
        if file.suffix.lower() != ".arrow":
            return parquet.ParquetFile(file)
        return ipc.open_stream(pyarrow.OSFile(str(file)))
    except (pyarrow.ArrowException, OSError) as error:
        raise KedjaError(f"{file} is damaged: {str(error).splitlines()[0]}", "get it again") from None
