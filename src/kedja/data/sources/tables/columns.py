"""Which column of a table is what: as stated, by customary names, or asked for; never guessed among several."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import SPLIT_NAMES, is_image
from kedja.data.sources.tables.table import Row, find_column

# Names that published tables give their columns.
_PATHS = (
    *("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "image_name"),
    *("image_id", "img", "id"),
)
LABELS = ("label", "class", "class_name", "category", "target", "breed", "species", "labels", "classname")
_SPLITS = ("split", "subset", "partition", "set", "fold", "phase", "usage")
_GROUPS = ("group", "patient", "patient_id", "subject", "subject_id", "lesion_id", "video", "video_id", "session")
_ZEROS, _ONES = ("0", "0.0"), ("1", "1.0")


@dataclass(frozen=True)
class Columns:
    """Column names, or numbers counted from 1; empty where the usual names and places hold."""

    path: str = ""
    label: str = ""
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Located:
    """Attributes:
    positions: role → column, of path, split and group, and of the label where one column has it.
    one_hot: column → class, where each class has a column of zeros and ones.
    header: whether the first row is one.
    notes: what was not stated.
    """

    positions: dict[str, int]
    one_hot: dict[int, str]
    header: bool
    notes: list[str]


def locate(file: PurePosixPath, rows: list[Row], wanted: Columns, exists: Callable[[str], bool]) -> Located:
    """Find the columns.

    Args:
        exists: whether a cell names an image.

    Raises:
        KedjaError: a column is not there, or what the label is cannot be told.
    """
    first = [cell.strip() for cell in rows[0][1]]
    stated = {role: find_column(name, first, file) for role, name in vars(wanted).items() if name}
    header = _has_header(first, rows, wanted, exists)
    names = [cell.lower() for cell in first] if header else []
    body = rows[1:] if header else rows
    positions = {"path": _usual(_PATHS, names, _first_with_images(body, exists) if header else 0)} | stated
    notes: list[str] = []
    if header:
        if not stated and not any(name in names for name in (*_PATHS, *LABELS)):
            notes.append(f"{file.name}: the first line is taken for names of columns: {', '.join(first)[:200]}")
        notes += _use_split(first, body, positions) + _say_group(first, positions)
    one_hot: dict[int, str] = {}
    if "label" not in positions:
        usual = [names.index(name) for name in LABELS if name in names]
        others = [
            n for n in range(len(first)) if n not in positions.values() and (not header or _may_be_label(names[n]))
        ]
        if usual:
            positions["label"] = usual[0]
            if len(usual) > 1:
                notes.append(f"{file.name}: labels are those of the column {first[usual[0]]!r}; label= names another")
        elif header and len(others) == 1:
            positions["label"] = others[0]
        elif len(others) > 1 and _all_binary(body, others):
            one_hot = _one_hot(file, first, body, others, header=header)
            notes.append(f"{file.name}: classes are the columns of zeros and ones {', '.join(one_hot.values())}")
        elif header:
            raise KedjaError(
                f"{file.name}: which column is the label cannot be told; its columns are {', '.join(first)}",
                "name it: label=<column>",
            )
        elif len(first) == 2 and len(others) == 1:
            positions["label"] = others[0]
        elif positions["path"] == 0 and 1 in others:
            positions["label"] = 1
        else:
            raise KedjaError(
                f"{file.name} has no names of columns, and which of its {len(first)} columns is the label is not said",
                "number it, counted from 1: label=3",
            )
    _refuse_twins(file, first, names, wanted, positions)
    return Located(positions, one_hot, header, notes)


def _has_header(first: list[str], rows: list[Row], wanted: Columns, exists: Callable[[str], bool]) -> bool:
    if any(name and not name.isdigit() for name in vars(wanted).values()):
        return True
    column = int(wanted.path) - 1 if wanted.path else 0
    if exists(first[column]) or is_image(first[column]):
        return False
    lowered = [cell.lower() for cell in first]
    if any(name in lowered for name in (*_PATHS, *LABELS)):
        return True
    # A row of images that exist below one that is none.
    below = [row[column].strip() for _, row in rows[1:6] if len(row) > column]
    return any(map(exists, below))


def _refuse_twins(
    file: PurePosixPath, first: list[str], names: list[str], wanted: Columns, positions: dict[str, int]
) -> None:
    for role, number in positions.items():
        if names and names.count(names[number]) > 1 and not getattr(wanted, role).isdigit():
            raise KedjaError(
                f"{file.name} has several columns {first[number]!r}", f"say which by its number: {role}={number + 1}"
            )


def _usual(usual: tuple[str, ...], names: list[str], default: int) -> int:
    return next((names.index(name) for name in usual if name in names), default)


def _first_with_images(body: list[Row], exists: Callable[[str], bool]) -> int:
    row = body[0][1] if body else []
    return next((n for n, cell in enumerate(row) if exists(cell.strip())), 0)


def _may_be_label(name: str) -> bool:
    # Spreadsheets and pandas leave a column of row numbers without a name.
    return bool(name) and not name.startswith("unnamed:") and name not in (*_PATHS, *_SPLITS, *_GROUPS)


def _use_split(first: list[str], body: list[Row], positions: dict[str, int]) -> list[str]:
    """Take a column of splits that was not stated where all of its values are splits; what is to be said."""
    if "split" in positions:
        return []
    for number, name in enumerate(first):
        if name.lower() not in _SPLITS or number in positions.values():
            continue
        values = {row[number].strip().lower() for _, row in body if len(row) > number} - {""}
        if values and values <= SPLIT_NAMES.keys():
            positions["split"] = number
            return [f"splits are those of the column {name!r}"]
        return [f"the column {name!r} is not used: its values are no splits ({', '.join(sorted(values)[:3])}, …)"]
    return []


def _say_group(first: list[str], positions: dict[str, int]) -> list[str]:
    names = [name for n, name in enumerate(first) if name.lower() in _GROUPS and n not in positions.values()]
    if "group" in positions or not names:
        return []
    return [f"the column {names[0]!r} is not used; group={names[0]} keeps its images on one side of the splits"]


def _all_binary(body: list[Row], columns: list[int]) -> bool:
    cells = ([row[n].strip() if len(row) > n else "" for n in columns] for _, row in body)
    return bool(body) and all(cell in _ZEROS + _ONES for row in cells for cell in row)


def _one_hot(
    file: PurePosixPath, first: list[str], body: list[Row], columns: list[int], *, header: bool
) -> dict[int, str]:
    if not header:
        raise KedjaError(
            f"{file.name} has {len(columns)} columns of zeros and ones and no header that names them",
            "put a first line with the names of the classes, or name the column of the label: label=2",
        )
    for line, row in body:
        marked = [first[n] for n in columns if row[n].strip() in _ONES]
        if len(marked) != 1:
            raise KedjaError(
                f"{file.name} line {line} marks {len(marked)} of the classes {', '.join(first[n] for n in columns)}",
                "an image has one class; label=<column> takes one of the columns alone",
            )
    return {n: first[n] for n in columns}


def label_of(row: list[str], located: Located) -> str:
    """The label in a row."""
    if located.one_hot:
        return next(name for n, name in located.one_hot.items() if row[n].strip() in _ONES)
    return row[located.positions["label"]].strip()
