"""The sources by name. A new source is one file and one line here."""

from collections.abc import Callable
from pathlib import Path

from kedja.bundle.errors import KedjaError, nearest
from kedja.data.settings import Settings
from kedja.data.sources.digits import Digits
from kedja.data.sources.folder import Folder
from kedja.data.sources.source import Source

# In order: the first whose condition holds opens the source.
SOURCES: list[tuple[str, Callable[[Settings], bool], Callable[[Settings], Source]]] = [
    ("digits", lambda s: s.source == "digits", lambda s: Digits()),
    (
        "a folder",
        lambda s: Path(s.source).is_dir(),
        lambda s: Folder(Path(s.source), s.label, s.licence or "not stated"),
    ),
]


def open_source(settings: Settings) -> Source:
    """The source that `settings.source` names.

    Raises:
        KedjaError: nothing of that name, or the source cannot be opened.
    """
    for _, condition, make in SOURCES:
        if condition(settings):
            return make(settings)
    raise KedjaError(
        f"source={settings.source} is neither a known name nor a file or folder here",
        nearest(settings.source, ["digits"]),
    )
