"""Where a data set is made from, written so that it holds on other machines where that can be."""

import os
from dataclasses import replace
from pathlib import Path

from kedja.data.settings import Settings
from kedja.data.sources.torchvision import PREFIX

DIGITS = "digits"


def portable(source: str, root: Path) -> str:
    """A path below `root` relative to it; anything else as it is."""
    if not _is_place(source) or not Path(source).exists():
        return source
    inside, top = Path(os.path.normpath(Path(source).absolute())), root.absolute()
    if not inside.is_relative_to(top):
        return source
    relative = inside.relative_to(top).as_posix()
    # A folder may be called like the embedded digits.
    return relative if _is_place(relative) else f"./{relative}"


def located(settings: Settings, root: Path) -> Settings:
    """The settings with a source that can be opened from here: recorded paths are relative to `root`."""
    path = root / settings.source
    if not _is_place(settings.source) or root.absolute() == Path.cwd() or not path.exists():
        return settings
    return replace(settings, source=str(path))


def same_source(one: str, other: str, root: Path) -> bool:
    """Whether two sources are the same place, however they are spelled."""
    if not (_is_place(one) and _is_place(other)):
        return one == other
    return _resolved(one, root) == _resolved(other, root)


def _resolved(source: str, root: Path) -> Path:
    recorded = root / source
    return (recorded if recorded.exists() else Path(source)).resolve()


def _is_place(source: str) -> bool:
    return source != DIGITS and not source.startswith(PREFIX)
