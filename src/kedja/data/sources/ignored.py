"""What a source holds and nobody will train on: counted by reason and said."""

from collections import Counter
from typing import Any

from kedja.common.outside import one_line
from kedja.common.progress import say

# Of cameras, editors and scanners; told apart from files that are no images at all.
_OTHER_IMAGES = (
    *(".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".xcf", ".svg", ".dcm"),
    *(".dicom", ".nii", ".exr", ".hdr", ".fits", ".svs", ".ndpi", ".czi", ".eps"),
)
OTHER_FORMAT = "images of formats that are not read"


def is_other_image(name: str) -> bool:
    return name.lower().endswith(_OTHER_IMAGES)


def counts_of(source: Any) -> dict[str, tuple[int, str]]:
    """What the last listing of a source left out: reason → how many, and one of them; the most first."""
    ignored: dict[str, str] = getattr(source, "ignored", {})
    examples = {reason: name for name, reason in reversed(ignored.items())}
    return {reason: (number, examples[reason]) for reason, number in Counter(ignored.values()).most_common()}


def say_of(source: Any) -> None:
    """Say what the last listing of a source left out, and what it noticed.

    Args:
        source: may have `notes`, a list of lines, and `ignored`, name → reason as a noun in the plural.
    """
    for note in getattr(source, "notes", []):
        say(f"note: {note}")
    for reason, (number, example) in counts_of(source).items():
        say(f"ignored: {number:,} {reason}, for example {one_line(example)}")
