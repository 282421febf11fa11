"""Fields of the dataclasses that command lines and configurations are parsed into: default, meaning, what is valid."""

import dataclasses
from collections.abc import Collection
from typing import Any

from kedja.common.errors import KedjaError, nearest


def option(
    default: Any,
    meaning: str,
    choices: Collection[str] = (),
    *,
    metavar: str | None = None,
    within: tuple[float, float] | None = None,
    **more: Any,
) -> Any:
    """A field with its default and the sentence that `--help` prints.

    Args:
        choices: the values that it may take, where they are not in its type; any without.
        metavar: how `--help` calls a value; by its type without.
        within: smallest and largest value that makes sense; `check` holds both bounds themselves valid.
        more: what else its reader asks of the field.
    """
    metadata = {"meaning": meaning, "choices": tuple(choices), "metavar": metavar, "within": within, **more}
    if isinstance(default, list | tuple):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def required(meaning: str, metavar: str | None = None) -> Any:
    """A field that must be given; these come before those with defaults."""
    return dataclasses.field(metadata={"meaning": meaning, "choices": (), "metavar": metavar, "within": None})


def check(options: Any) -> None:
    """Hold every value against its field's `choices` and `within`.

    Raises:
        KedjaError: a value that is none of the choices, or out of range; names the key.
    """
    for field in dataclasses.fields(options):
        check_value(field.name, getattr(options, field.name), field)


def check_value(key: str, value: Any, field: "dataclasses.Field[Any]") -> None:
    """Hold one value against what its field says; `key` is what the message calls it.

    Raises:
        KedjaError: see `check`.
    """
    choices, within = field.metadata.get("choices"), field.metadata.get("within")
    if choices and value not in choices:
        raise KedjaError(f"{key}={value} is not a choice", nearest(str(value), list(choices)))
    # Written so that NaN, which compares with nothing, is out of range.
    if within and value is not None and not within[0] <= value <= within[1]:
        raise KedjaError(f"{key}={value} is out of range", f"it lies between {within[0]:,} and {within[1]:,}")
