"""Predictions of a table's rows without a server, written beside the rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Example, Input, InputError
from kedja.bundle.inputs.table.rows import delimiter_of, open_csv
from kedja.common.errors import KedjaError, nearest
from kedja.common.files import replacing
from kedja.serving.offline import Predicts

BLOCK = 4096
CLASS, PROBABILITY, ERROR = "predicted_class", "probability", "error"


def predict_table(model: Predicts, source: Path, destination: Path) -> Iterator[tuple[int, int]]:
    """Write `destination`: the columns of `source`, whatever they are, the most probable class, and its probability.

    A row that is none gets no class, and its reason in a column ``error``. Read and written in a stream; what stood at
    `destination` is replaced when all rows are done.

    Yields:
        (rows done, rows without an answer) now and then.

    Raises:
        KedjaError: the bundle is not of rows, or the table lacks a column.
    """
    expected = model.metadata.input
    names = expected.header()
    if not names:
        raise KedjaError(
            f"the bundle predicts {expected.nouns}; table= is for rows of tables", "image=<file or folder>"
        )
    with _open(source) as file, replacing(destination) as fresh:
        first = file.readline()
        file.seek(0)
        reader = open_csv(file, delimiter_of(first, names))
        header = [cell.strip().removeprefix("\ufeff") for cell in next(reader, [])]
        places = [_place(name, header, source) for name in names]
        done = failed = 0
        opened = io.TextIOWrapper(fresh, encoding="utf-8", newline="")
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*header, CLASS, PROBABILITY, ERROR])
        for rows in _blocks(reader, source):
            whole = [row + [""] * (len(header) - len(row)) for row in rows]
            said = _answers(model, names, [[row[place] for place in places] for row in whole])
            writer.writerows([*row, *answer] for row, answer in zip(whole, said, strict=True))
            done, failed = done + len(rows), failed + sum(bool(answer[2]) for answer in said)
            yield done, failed
        opened.flush()
        opened.detach()


def _answers(model: Predicts, names: list[str], rows: list[list[str]]) -> list[tuple[str, str, str]]:
    """Class, probability and error of each row."""
    expected, examples = model.metadata.input, list[Example]()
    errors = [""] * len(rows)
    try:
        examples += _examples(expected, names, rows)
    except InputError:
        for number, row in enumerate(rows):
            try:
                examples += _examples(expected, names, [row])
            except InputError as error:
                errors[number] = error.problem.removeprefix("row 0 of 1: ")
    answers = iter(_classified(model, examples))
    return [("", "", error) if error else (*next(answers), "") for error in errors]


def _examples(expected: Input, names: list[str], rows: list[list[str]]) -> Sequence[Example]:
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([names, *rows])
    return expected.read_body("text/csv", table.getvalue().encode()).items


def _classified(model: Predicts, examples: list[Example]) -> list[tuple[str, str]]:
    if not examples:
        return []
    probabilities: NDArray[np.float32] = model.answer(model.metadata.input.collate(examples)).probabilities
    best = probabilities.argmax(axis=1)
    classes = model.metadata.classes
    return [(classes[index], f"{row[index]:.6g}") for index, row in zip(best, probabilities, strict=True)]


def _place(name: str, header: list[str], source: Path) -> int:
    if name not in header:
        raise KedjaError(f"{source} has no column {name!r}", nearest(name, header))
    return header.index(name)


def _blocks(reader: Iterator[list[str]], source: Path) -> Iterator[list[list[str]]]:
    try:
        while rows := list(islice((row for row in reader if row), BLOCK)):
            yield rows
    except (csv.Error, UnicodeDecodeError) as error:
        raise KedjaError(f"{source} is no CSV in UTF-8: {error}") from None


def _open(source: Path) -> Any:
    if not source.is_file():
        raise KedjaError(f"{source} does not exist (looked at {source.absolute()})", "give table=<file>.csv")
    if source.suffix.lower() in (".parquet", ".pq"):
        raise KedjaError(
            f"{source}: predictions are made of CSV", "save it as CSV: read_parquet(…).to_csv(…, index=False)"
        )
    return source.open(encoding="utf-8-sig", newline="")
