"""What a source holds and nobody will train on: counted by reason and said."""

from collections import Counter
from typing import Any

from kedja.common.progress import say

# Of cameras, editors and scanners; told apart from files that are no images at all.
_OTHER_IMAGES = (
    *(".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".xcf", ".svg", ".dcm"),
    *(".dicom", ".nii", ".exr", ".hdr", ".fits", ".svs", ".ndpi", ".czi", ".eps"),
)
OTHER_FORMAT = "images of formats that are not read"


def is_other_image(name: str) -> bool:
    return name.lower().endswith(_OTHER_IMAGES)


def say_of(source: Any) -> None:
    """Say what the last listing of a source left out, and what it noticed.

    Args:
        source: may have `notes`, a list of lines, and `ignored`, name → reason as a noun in the plural.
    """
    for note in getattr(source, "notes", []):
        say(f"note: {note}")
    ignored: dict[str, str] = getattr(source, "ignored", {})
    for reason, number in Counter(ignored.values()).most_common():
        example = next(name for name, of_name in ignored.items() if of_name == reason)
        say(f"ignored: {number:,} {reason}, for example {example}")
