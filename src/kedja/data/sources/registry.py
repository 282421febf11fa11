"""The sources by name. A new source is one file and one line here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kedja.common.errors import KedjaError, nearest
from kedja.data.settings import Settings
from kedja.data.sources.digits import Digits
from kedja.data.sources.files.archive import SUFFIXES as ARCHIVE_SUFFIXES
from kedja.data.sources.files.archive import left_out_of, unpack
from kedja.data.sources.files.tree import Directory, Tree, printable, unwrap
from kedja.data.sources.files.zipped import open_zip
from kedja.data.sources.folder import Folder
from kedja.data.sources.npz import Npz
from kedja.data.sources.rows.recognise import is_table, open_table
from kedja.data.sources.source import Source
from kedja.data.sources.tables.arrow import HUB, arrow_files, fetch
from kedja.data.sources.tables.arrow import SUFFIXES as ARROW
from kedja.data.sources.tables.columns import Columns
from kedja.data.sources.tables.index import SUFFIXES as INDEX_SUFFIXES
from kedja.data.sources.tables.index import Index
from kedja.data.sources.tables.texts import JSON, TABLES, TextTable, text_column
from kedja.data.sources.text_folder import TextFolder, holds_texts
from kedja.data.sources.torchvision import PREFIX, Torchvision

NOT_STATED = "not stated"
DOWNLOADS = ".downloads"
_INDEX_KEYS = ("index", "path", "split", "group", "classes")

# What it is, whether settings mean it, and how it is opened; the first that is meant wins.
SOURCES: list[tuple[str, Callable[[Settings], bool], Callable[[Settings, Path], Source]]] = [
    ("digits", lambda s: s.source == "digits", lambda s, work: _plain(s, Digits())),
    ("torchvision:<Name>", lambda s: s.source.startswith(PREFIX), lambda s, work: _plain(s, _torchvision(s, work))),
    ("huggingface:<owner/name>", lambda s: s.source.startswith(HUB), lambda s, work: _hub(s, work.parent / DOWNLOADS)),
    ("a folder of tables", lambda s: Path(s.source).is_dir() and _has_texts(s), lambda s, work: _texts(s)),
    (
        "a folder of texts",
        lambda s: Path(s.source).is_dir() and not s.index and holds_texts(Directory(Path(s.source))),
        lambda s, work: _plain(s, TextFolder(Directory(Path(s.source)), _licence(s))),
    ),
    ("a folder", lambda s: Path(s.source).is_dir(), lambda s, work: _images(s, Directory(Path(s.source)))),
    (
        "a .zip or .tar archive",
        lambda s: _is(s, ARCHIVE_SUFFIXES),
        lambda s, work: _images(s, _archive(s, work)),
    ),
    ("a table of rows", is_table, lambda s, work: open_table(s)),
    (
        "a table of texts",
        lambda s: _is(s, (*TABLES, *JSON, *ARROW)) and bool(_text_column(s)),
        lambda s, work: _texts(s),
    ),
    ("an index file", lambda s: _is(s, INDEX_SUFFIXES), lambda s, work: _index_file(s)),
    (
        "an .npz",
        lambda s: _is(s, (".npz",)),
        lambda s, work: _plain(s, _npz(s, work)),
    ),
]


def open_source(settings: Settings, work: Path) -> Source:
    """The source that `settings.source` names.

    Args:
        work: folder that an archive may be unpacked to; may be removed when the data set stands.

    Raises:
        KedjaError: nothing of that name, or the source cannot be opened.
    """
    if (shown := printable(settings.source)) != settings.source:
        raise KedjaError(f"source={shown}: the name is no UTF-8", "rename it; it is written down with the data set")
    for _, is_meant, make in SOURCES:
        if is_meant(settings):
            found = make(settings, work)
            if settings.kind not in ("", found.kind):
                raise KedjaError(f"kind={settings.kind}: source={settings.source} holds examples of kind {found.kind}")
            return found
    kinds = ", ".join(kind for kind, _, _ in SOURCES)
    if Path(settings.source).exists():
        raise KedjaError(f"source={settings.source} is of no known kind", f"known: {kinds}")
    near = nearest(settings.source, ["digits"]) if "/" not in settings.source else ""
    raise KedjaError(
        f"source={settings.source} does not exist (looked at {Path(settings.source).absolute()})",
        near if near.startswith("did you") else f"known: {kinds}",
    )


def _is(settings: Settings, suffixes: tuple[str, ...]) -> bool:
    return settings.source.lower().endswith(suffixes) and Path(settings.source).is_file()


def _licence(settings: Settings) -> str:
    return settings.licence or NOT_STATED


def _plain(settings: Settings, source: Source) -> Source:
    """A source that has no index file."""
    for key in _INDEX_KEYS:
        if getattr(settings, key):
            raise KedjaError(f"{key}= is for index files; source={settings.source} has none")
    return source


def _images(settings: Settings, tree: Tree) -> Source:
    if not settings.index:
        return _plain(settings, Folder(tree, settings.label, _licence(settings)))
    beside: dict[str, str] = {}
    if not tree.has(settings.index[0].rpartition(":")[2]):
        tree, beside = unwrap(tree)
    return _index(settings, tree, settings.index, beside)


def _index_file(settings: Settings) -> Source:
    file = Path(settings.source)
    if settings.index:
        raise KedjaError("index= names files inside a folder or archive", f"source={file.parent} index={file.name}")
    return _index(settings, Directory(file.parent), [file.name], None)


def _index(settings: Settings, tree: Tree, files: list[str], beside: dict[str, str] | None) -> Source:
    columns = Columns(settings.path, settings.label, settings.split, settings.group)
    licence, encoding = _licence(settings), settings.encoding
    return Index(tree, files, columns, settings.classes, licence, encoding=encoding, beside=beside)


def _text_column(settings: Settings) -> str:
    return text_column(Path(settings.source), settings.text, settings.encoding)


def _has_texts(settings: Settings) -> bool:
    return bool(arrow_files(Path(settings.source))) and bool(_text_column(settings))


def _hub(settings: Settings, kept: Path) -> Source:
    """Fetched beside the data sets and kept; then as a folder of tables."""
    name = settings.source.removeprefix(HUB)
    folder, revision = fetch(name, kept / "huggingface" / name.replace("/", "--"))
    local = replace(settings, source=str(folder))
    if not _has_texts(local):
        raise KedjaError(f"{settings.source} holds no table with a column of texts", "name it: text=<column>")
    source = _texts(local)
    source.title = f"{name} of the Hugging Face hub, revision {revision[:12]}"
    return source


def _texts(settings: Settings) -> Source:
    for key in ("index", "path", "classes"):
        if getattr(settings, key):
            raise KedjaError(f"{key}= is for index files of images; source={settings.source} holds texts")
    columns = Columns(_text_column(settings), settings.label, settings.split, settings.group)
    return TextTable(Path(settings.source), columns, _licence(settings), encoding=settings.encoding)


def _archive(settings: Settings, work: Path) -> Tree:
    """Read in place where that can be done, else unpacked to `work`."""
    archive = Path(settings.source)
    opened = open_zip(archive, settings.encoding) if archive.suffix.lower() == ".zip" else None
    return opened or Directory(unpack(archive, work, settings.encoding), left_out_of(work))


def _npz(settings: Settings, work: Path) -> Source:
    return Npz(Path(settings.source), work, settings.label, _licence(settings))


def _torchvision(settings: Settings, work: Path) -> Source:
    name = settings.source.removeprefix(PREFIX)
    # Beside the data sets and kept: what was downloaded once is not downloaded again.
    return Torchvision(name, work.parent / DOWNLOADS / name)
