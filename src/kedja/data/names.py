"""Names of data sets: what `data/<name>/` may be called."""

import re
from pathlib import Path

from kedja.common.names import plain_name


def natural_order(name: str) -> tuple[int, int, str]:
    """Sort key: whole numbers by value, then names."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def data_set_name(name: str, source: str) -> str:
    """`name`, or one made from the source where none was given.

    Raises:
        KedjaError: the name is no plain folder name.
    """
    if not name:
        name = source.partition(":")[2] if source.startswith("torchvision:") else Path(source).name.partition(".")[0]
        name = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") or "digits"
    return plain_name("name", name)
