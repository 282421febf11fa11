"""Renewing the part of a document between two markers, and nothing else."""

from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.files import write_text

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"


def renew(document: Path, content: str) -> None:
    """Put `content` between the markers of `document`, which is written only where something changes.

    Raises:
        KedjaError: it has no place for the results.
    """
    text = document.read_text(encoding="utf-8") if document.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise KedjaError(
            f"{document} has no place for the results", f"put the two lines {BEGIN} and {END} where they belong"
        )
    renewed = f"{before}{BEGIN}\n\n{content.strip()}\n\n{END}{after}"
    if renewed != text:
        write_text(document, renewed)
