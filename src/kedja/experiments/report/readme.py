"""Renewing the part of a document between two markers, and nothing else."""

from pathlib import Path

from kedja.common.files import write_text

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"


def renew(document: Path, content: str) -> bool:
    """Put `content` between the markers of `document`; whether both markers were found.

    The file is written only where something changes.
    """
    if not document.is_file():
        return False
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return False
    renewed = f"{before}{BEGIN}\n\n{content.strip()}\n\n{END}{after}"
    if renewed != text:
        write_text(document, renewed)
    return True
