"""Writing and hashing files so that nothing half-written ever stands under a final name."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside the place, flush to disk, and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; ours are ordinary files under the user's umask.
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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
def replacing_directory(path: Path) -> Iterator[Path]:
    """A fresh folder beside `path` that takes its place when the block ends without an error.

    The folder that was there before is kept until the new one stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        if path.exists():
            previous = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".old"))
            path.replace(previous / path.name)
            temporary.replace(path)
            shutil.rmtree(previous)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
