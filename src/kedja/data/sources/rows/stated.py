"""What the user says of the columns: ``columns=age:number:years,zip:category,id:identifier``, or a `.names` file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from kedja.common.errors import KedjaError, nearest

Role = Literal["number", "category", "boolean", "date", "text", "identifier", "target"]
_SUFFIX = ".names"


@dataclass(frozen=True)
class Stated:
    """Attributes:
    name: of the column.
    role: what it is; empty to find out.
    more: the unit of a number, or the form of dates as `strptime` has it.
    """

    name: str
    role: Role | Literal[""] = ""
    more: str = ""


def read_stated(columns: list[str], encoding: str = "") -> list[Stated]:
    """The entries of `columns=`.

    Raises:
        KedjaError: one has no name or an unknown type, a name comes twice, or the file is none.
    """
    if len(columns) == 1 and columns[0].endswith(_SUFFIX):
        return _of_file(Path(columns[0]), encoding)
    found = [_entry(text) for text in columns]
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise KedjaError(f"columns= names {twice[0]!r} twice", "every column once")
    return found


def _entry(text: str) -> Stated:
    name, _, rest = text.partition(":")
    role, _, more = rest.partition(":")
    if not name.strip():
        raise KedjaError(f"columns={text} names no column", "for example columns=age:number,zip:category")
    for known in get_args(Role):
        if role == known:
            return Stated(name.strip(), known, more)
    if role:
        raise KedjaError(f"columns={text}: {role!r} is no type of a column", nearest(role, list(get_args(Role))))
    return Stated(name.strip())


def _of_file(path: Path, encoding: str) -> list[Stated]:
    """The columns of a `.names` file, as C4.5 and the UCI repository have it: classes first, then ``name: values.``

    The class, which it gives no name, stands last in the table.
    """
    try:
        text = path.read_text(encoding=encoding or "utf-8")
    except (OSError, UnicodeError) as error:
        raise KedjaError(f"columns={path} cannot be read: {error}") from None
    entries = [line.partition("|")[0].strip() for line in text.splitlines()]
    found = []
    for line in entries:
        name, colon, values = line.partition(":")
        if colon and name.strip():
            kind = values.strip().rstrip(".").lower()
            roles: dict[str, Role] = {"continuous": "number", "ignore": "identifier", "label": "identifier"}
            found.append(Stated(name.strip(), roles.get(kind, "category")))
    if not found:
        raise KedjaError(f"columns={path} names no columns", "lines as `age: continuous.` and `sex: Female, Male.`")
    return [*found, Stated("class", "target")]
