"""The kinds of examples by name. A new kind is one folder beside this file and one line here."""

import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedja.bundle.inputs.input import Input
from kedja.common.errors import KedjaError, nearest

# Imported when a bundle or a data set is of that kind, never otherwise.
INPUTS: dict[str, str | type[Input]] = {
    "image": "kedja.bundle.inputs.image.spec:ImageSpec",
    "table": "kedja.bundle.inputs.table.spec:TableInput",
    "text": "kedja.bundle.inputs.text.spec:TextInput",
}


def input_type(kind: str) -> type[Input]:
    """The class that knows examples of this kind.

    Raises:
        KedjaError: there is no such kind.
    """
    entry = INPUTS.get(kind)
    if entry is None:
        raise KedjaError(f"examples of kind {kind!r} are not known", nearest(str(kind), list(INPUTS)))
    found: type[Input] = pkgutil.resolve_name(entry) if isinstance(entry, str) else entry
    return found


def from_json(kind: str, value: Mapping[str, Any], folder: Path | None = None) -> Input:
    """What `Input.to_json` of this kind gave.

    Args:
        folder: where the settings were read, with the files that they name; nothing is decoded without.
    """
    found = input_type(kind).from_json(value)
    return found if folder is None else found.located(folder)
