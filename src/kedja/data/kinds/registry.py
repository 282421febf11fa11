"""How data of each kind are prepared, by name. A new kind is one folder beside this file and one line here."""

import pkgutil

from kedja.common.errors import KedjaError, nearest
from kedja.data.kinds.kind import Kind

# Imported when data of that kind are prepared or read, never otherwise.
KINDS: dict[str, str | type[Kind]] = {
    "image": "kedja.data.kinds.image.kind:Images",
    "table": "kedja.data.kinds.table.kind:Rows",
    "text": "kedja.data.kinds.text.kind:Texts",
}


def kind_type(name: str) -> type[Kind]:
    """The class that prepares data of this kind.

    Raises:
        KedjaError: there is no such kind.
    """
    entry = KINDS.get(name)
    if entry is None:
        raise KedjaError(f"data of kind {name!r} are not known", nearest(str(name), list(KINDS)))
    found: type[Kind] = pkgutil.resolve_name(entry) if isinstance(entry, str) else entry
    return found
