"""A source as it is, made auditable: nothing stops at a broken file, nothing is left out silently."""

from dataclasses import replace
from pathlib import Path

from kedja.data.preparation.prepare import prepare
from kedja.data.settings import Settings
from kedja.data.sources.ignored import counts_of
from kedja.data.sources.registry import open_source
from kedja.data.versions.folder_hash import add_facts, hash_folder


def prepare_for_audit(settings: Settings, folder: Path) -> Path:
    """Prepare into a folder that is thrown away afterwards."""
    lenient = replace(settings, on_error="skip", leaks="keep", near_duplicates="report")
    source = open_source(lenient, folder.parent / f".{folder.name}.source")
    prepare(source, folder, lenient)
    add_facts(folder, hash_folder(folder), {"ignored": counts_of(source)})
    return folder
