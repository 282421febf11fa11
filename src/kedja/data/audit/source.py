"""A source as it is, made auditable: nothing stops at a broken file, nothing is left out silently."""

from dataclasses import replace
from pathlib import Path

from kedja.data.preparation.prepare import prepare
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source


def prepare_for_audit(settings: Settings, folder: Path) -> Path:
    """Prepare into a folder that is thrown away afterwards."""
    lenient = replace(settings, on_error="skip", leaks="keep", near_duplicates="report")
    prepare(open_source(lenient, folder.parent / f".{folder.name}.source"), folder, lenient)
    return folder
