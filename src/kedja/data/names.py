"""Names: what `data/<name>/` may be called, and what lies in it for every kind."""

import re
import unicodedata
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.names import plain_name

INDEX = "index.csv"
SAMPLES = "samples"
# Where data sets lie, below the current directory.
DATA = Path("data")


def natural_order(name: str) -> tuple[int, int, str]:
    """Sort key: whole numbers by value, then names."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def data_set_name(name: str, source: str) -> str:
    """`name`, or one made from the source where none was given.

    Raises:
        KedjaError: the name is no plain folder name, or none can be made from the source.
    """
    if not name and not source:
        return "digits"
    if not name:
        own = source.partition(":")[2] if source.startswith("torchvision:") else Path(source).resolve().name
        # Accents go, the letters stay.
        plain = unicodedata.normalize("NFKD", own.partition(".")[0].lower())
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
        name = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-_")
        if not name:
            raise KedjaError(f"no name for data/<name>/ can be made from source={source}", "give one: data=flowers")
    return plain_name("data", name)
