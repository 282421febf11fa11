"""Paths as people type them: with `~`, and from where they stand, which need not be where recipes work.

`just` starts every recipe at the top of the repository, and says where the person stood.
"""

import dataclasses
import os
import typing
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError

# The justfile sets it.
STANDS = "KEDJA_STANDS"
# Metadata of a field whose text is a path: words that are none, those before a colon with it.
NO_PATHS = "no_paths"
_stands: list[Path] = []


def take_place() -> None:
    """Learn where the person stands. Programs that this one calls are not told: what it passes on is settled."""
    where = os.environ.pop(STANDS, "")
    _stands[:] = [Path(where)] if where and Path(where) != Path.cwd() else []


def placed(argument: str, field: "dataclasses.Field[Any]", kind: Any) -> str:
    """A `key=value` with the paths of its value settled, where `field` holds paths.

    A path is where the person stands, or, where only there something has that name, in the repository.

    Args:
        kind: the type of the field.
    """
    key, equals, text = argument.partition("=")
    words = field.metadata.get(NO_PATHS)
    if words is None and Path not in (kind, *typing.get_args(kind)):
        return argument
    parts = text.split(",") if typing.get_origin(kind) is list else [text]
    return f"{key}{equals}{','.join(_settled(key, part.strip(), words or ()) for part in parts)}"


def _settled(key: str, text: str, words: tuple[str, ...]) -> str:
    if not text or text in words or any(word.endswith(":") and text.startswith(word) for word in words):
        return text
    path = home_known(key, text) if text.startswith("~") else Path(text)
    if path.is_absolute() or not _stands:
        return str(path) if text.startswith("~") else text
    here = Path(os.path.normpath(_stands[0] / path))
    if path.exists() and not here.exists():
        return text
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)


def home_known(key: str, text: str) -> Path:
    """The path with `~` written out.

    Raises:
        KedjaError: it is not known whose home that is.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise KedjaError(f"{key}={text}: the home folder is not known", "set HOME, or write the path in full") from None
