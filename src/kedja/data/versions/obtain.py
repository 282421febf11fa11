"""A data set from wherever it can be had: already there, DVC's cache, a remote, or its source; always verified."""

import shutil
from dataclasses import replace as replace_fields
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.files import check_replaceable, read_json, sha256
from kedja.common.locks import locked
from kedja.common.names import plain_name
from kedja.common.progress import say
from kedja.data.preparation.prepare import prepare
from kedja.data.preparation.workspace import listing_digest
from kedja.data.prepared import DATASET, FILES
from kedja.data.settings import Settings
from kedja.data.sources.ignored import counts_of
from kedja.data.sources.registry import open_source
from kedja.data.sources.tables.index import SUFFIXES as INDEX_SUFFIXES
from kedja.data.versions.dvc import cached_files, changed_files, is_tracked, keep, restore
from kedja.data.versions.folder_hash import FolderHash, add_facts, facts_of, hash_folder, read_folder
from kedja.data.versions.pins import PINS, Pin, read_pins, write_pin
from kedja.data.versions.source_place import located, portable, same_source

DEFAULT = "digits"


def obtain(
    name: str, root: Path, settings: Settings | None = None, *, accept: bool = False, replace: bool = False
) -> Path:
    """`data/<name>/`, verified against `data.dvc`, or made and pinned where it is new or asked for otherwise.

    Args:
        settings: how to make it; None takes what `data.dvc` records.
        accept: pin what the source gives now, even where it is not what was pinned.
        replace: make it from another source than the one it was made from.

    Raises:
        KedjaError: it was made from another source, or its source does not give what is pinned.
    """
    folder = root / "data" / plain_name("data", name)
    waiting = f"another process prepares data/{name}; waiting for it"
    with locked(folder.parent / f".{name}.lock", waiting=waiting):
        pin = read_pins(root).get(name)
        wanted = settings or _recorded(name, root, pin)
        if not replace:
            _refuse_another_source(name, root, wanted, pin)
        wanted = _as_recorded(wanted, root)
        if pin is None or accept or not _same(wanted, pin.settings):
            return _make_and_pin(folder, root, wanted, pin)
        if settings is not None and _source_changed(folder, located(wanted, root), pin.hash):
            say(f"source={wanted.source} has changed since data/{name} was made: preparing it again")
            return _make_and_pin(folder, root, wanted, pin)
        return _verify(folder, root, pin)


def _recorded(name: str, root: Path, pin: Pin | None) -> Settings:
    if pin is not None:
        return pin.settings
    if name == DEFAULT:
        return Settings(source=DEFAULT)
    known = ", ".join(sorted({DEFAULT, *read_pins(root)}))
    raise KedjaError(
        f"there is no data set {name!r}; known: {known}", f"make one with `just data source=<folder> data={name}`"
    )


def _refuse_another_source(name: str, root: Path, wanted: Settings, pin: Pin | None) -> None:
    folder = root / "data" / name
    made_from = pin.settings.source if pin else _stamped_source(folder)
    if made_from and (folder.is_dir() or pin) and not same_source(made_from, wanted.source, root):
        raise KedjaError(
            f"data/{name} is made from source={made_from}, not from source={wanted.source}",
            "give the new one a name of its own: data=…; or put it in the place of the old one: replace=true",
        )


def _stamped_source(folder: Path) -> str:
    """Where a data set was made from that `data.dvc` does not pin; empty where nobody knows."""
    return str(facts_of(folder).get("made_from", ""))


def _as_recorded(settings: Settings, root: Path) -> Settings:
    """The settings with the source as `data.dvc` records it."""
    return replace_fields(settings, source=portable(settings.source, root))


def _verify(folder: Path, root: Path, pin: Pin) -> Path:
    """The pinned bytes in place: as they are, restored, or made again."""
    if folder.is_dir():
        found = hash_folder(folder)
        if found.hash == pin.hash:
            return folder
        say(f"data/{folder.name} is not what {PINS} pins: {_differences(folder, root, pin, found)}; repairing")
    check_replaceable(folder, *FILES)
    if restore(root, folder.name, pin.hash) and read_folder(folder).hash == pin.hash:
        say(f"data/{folder.name} restored by DVC and verified")
        return folder
    ignored = _make(folder, pin.settings, root)
    found = read_folder(folder)
    if found.hash != pin.hash:
        raise KedjaError(
            f"data/{folder.name} was made from source={pin.settings.source}, but it is not what {PINS} pins: "
            f"{_differences(folder, root, pin, found)}",
            "`just data-pull` fetches the pinned bytes from your remote; if the source changed on purpose: "
            f"just data data={folder.name} accept=true",
        )
    _stamp_source(folder, located(pin.settings, root), found, ignored)
    if is_tracked(root):
        keep(root, folder.name)
    say(f"data/{folder.name} made from its source and verified against {PINS}")
    return folder


def _make_and_pin(folder: Path, root: Path, settings: Settings, previous: Pin | None) -> Path:
    ignored = _make(folder, settings, root)
    found = read_folder(folder)
    _stamp_source(folder, located(settings, root), found, ignored)
    if not is_tracked(root):
        return folder
    if previous is None or previous.hash != found.hash or not _same(previous.settings, settings):
        write_pin(root, folder.name, settings, found)
        what = "pins a new data set" if previous is None else "pins a new state of"
        say(f"{PINS} changed: it {what} data/{folder.name} ({found.hash}). Commit it: git add {PINS} && git commit")
        if Path(settings.source).is_absolute():
            say(
                f"note: {PINS} records the source {settings.source}, which other machines do not have: there the data "
                "comes from your DVC remote (`just data-push`), or from a source inside the repository"
            )
    keep(root, folder.name)
    return folder


def _make(folder: Path, settings: Settings, root: Path) -> dict[str, tuple[int, str]]:
    """Prepare it; what of the source was ignored, see `counts_of`."""
    settings = located(settings, root)
    check_replaceable(folder, *FILES)
    work = folder.parent / f".{folder.name}.source"
    source = open_source(settings, work)
    prepare(source, folder, settings)
    shutil.rmtree(work, ignore_errors=True)
    return counts_of(source)


def _differences(folder: Path, root: Path, pin: Pin, found: FolderHash) -> str:
    """The files that differ, as exactly as can be known here."""
    expected = cached_files(root, pin.hash)
    if expected is not None:
        return ", ".join(changed_files(found, expected))
    return ", ".join(_damaged_by_own_record(folder)) or f"{DATASET} changed"


def _damaged_by_own_record(folder: Path) -> list[str]:
    try:
        recorded = read_json(folder / DATASET)["files"]
    except (KedjaError, KeyError, TypeError):
        return [f"{DATASET} is missing or damaged"]
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {DATASET}
    problems = [f"{name} missing" for name in recorded if name not in present]
    problems += [f"{name} changed" for name in recorded if name in present and sha256(folder / name) != recorded[name]]
    return problems + [f"{name} added" for name in sorted(present - set(recorded))]


def _same(one: Settings, other: Settings) -> bool:
    def relevant(settings: Settings) -> dict[str, object]:
        return {key: value for key, value in settings.differences().items() if key not in ("jobs", "on_error")}

    return relevant(one) == relevant(other)


def _source_state(settings: Settings) -> str | None:
    """Changes when the source does; None where it cannot change."""
    path = Path(settings.source)
    if path.is_dir() or path.suffix.lower() in INDEX_SUFFIXES:
        # Neither needs a folder to unpack to.
        return listing_digest(open_source(settings, Path()).items())
    if path.is_file():
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
    return None


def _stamp_source(folder: Path, settings: Settings, found: FolderHash, ignored: dict[str, tuple[int, str]]) -> None:
    facts = {"made_from": settings.source, "source": _source_state(settings), "ignored": ignored}
    add_facts(folder, found, facts)


def _source_changed(folder: Path, settings: Settings, of: str) -> bool:
    known = facts_of(folder, of).get("source")
    return known is not None and Path(settings.source).exists() and known != _source_state(settings)
