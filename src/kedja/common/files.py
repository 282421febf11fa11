"""Writing and hashing files so that nothing half-written ever stands under a final name."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kedja.common.errors import KedjaError
from kedja.common.refusals import naming
from kedja.common.scratch import leftovers, scratch

_OLD = ".old"


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside the place, flush to disk, and rename; what a killed process left there is removed."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside the place, that takes it when the block has ended well; what a killed process left is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in leftovers(path):
        pass
    with scratch(path) as temporary:
        try:
            with naming(path), temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files private; ours are ordinary files under the user's umask.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8, with newline line ends on every platform."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """`write_text` of indented JSON with a final newline; NaN is refused (it is no JSON)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The file's value.

    Raises:
        KedjaError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise KedjaError(f"{path} does not exist") from None
    except RecursionError:
        raise KedjaError(f"{path} is not valid JSON: it is nested too deep") from None
    except ValueError as error:  # malformed, no UTF-8, a number of thousands of digits
        raise KedjaError(f"{path} is not valid JSON: {error}") from None


@contextmanager
def replacing_directory(path: Path, *marks: str) -> Iterator[Path]:
    """A fresh folder beside `path` that takes its place when the block ends without an error.

    The folder that was there before is kept until the new one stands; what a killed process left is put right.

    Args:
        marks: see `check_replaceable`.

    Raises:
        KedjaError: something else stands at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for previous in leftovers(path, _OLD):
        # Killed between moving the old one away and putting the new one in its place.
        if (previous / path.name).exists() and not path.exists():
            (previous / path.name).replace(path)
    for _ in leftovers(path):
        pass
    check_replaceable(path, *marks)
    with scratch(path, folder=True) as temporary:
        try:
            temporary.chmod(0o777 & ~_umask())
            yield temporary
            check_replaceable(path, *marks)
            if path.exists():
                with scratch(path, folder=True, suffix=_OLD) as previous:
                    path.replace(previous / path.name)
                    temporary.replace(path)
                    shutil.rmtree(previous)
            else:
                temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(path: Path, *marks: str) -> None:
    """Refuse a place where something stands that is not ours to replace.

    Args:
        marks: names of files, of which a folder that may be replaced holds one. An empty folder always may be.

    Raises:
        KedjaError: `path` is no folder, or one without any of them.
    """
    if not path.exists():
        return
    if not path.is_dir() or (any(path.iterdir()) and not any((path / mark).exists() for mark in marks)):
        raise KedjaError(
            f"{path} is there and is nothing that this may replace (it has no {' or '.join(marks)})",
            "move it away, or choose another place",
        )


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
