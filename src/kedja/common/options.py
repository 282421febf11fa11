"""Fields of the dataclasses that command lines and configurations are parsed into: default, meaning, what is valid."""

import dataclasses
import types
import typing
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from kedja.common.errors import KedjaError, nearest
from kedja.common.paths import home_known

# A data set's key is `data`; these are other spellings that people try.
DATA_SET_TOO = ("data.name", "name", "dataset")
LONGEST_LIST = 200
MANY = 30


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
    metadata = {"meaning": meaning, "choices": choices, "metavar": metavar, "within": within, **more}
    if isinstance(default, list | tuple):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def required(meaning: str, metavar: str | None = None) -> Any:
    """A field that must be given; these come before those with defaults."""
    return dataclasses.field(metadata={"meaning": meaning, "choices": (), "metavar": metavar, "within": None})


def data_set(default: Any, meaning: str = "the data set") -> Any:
    """The key `data`, which names a data set in every recipe; other spellings of it are understood."""
    return option(default, meaning, metavar="name", also=DATA_SET_TOO)


def spellings(fields: "Iterable[dataclasses.Field[Any]]") -> dict[str, str]:
    """What may be typed → the field's name."""
    known = {field.name: field.name for field in fields}
    return {other: field.name for field in fields for other in field.metadata.get("also", ())} | known


def not_a_pair(argument: str, arguments: Sequence[str], keys: list[str]) -> KedjaError:
    """What to say of an argument without `=`; `arguments` are all of them."""
    bare = argument.lstrip("-")
    if bare != argument:
        following = [*arguments, "…"][[*arguments].index(argument) + 1]
        value = following if "=" not in following else "…"
        return KedjaError(f"{argument} is not how keys are given here", f"write {bare.replace('-', '_')}={value}")
    return KedjaError(f"{argument!r} is not of the form key=value", f"{near_key(argument, keys)}")


def unknown(key: str, keys: list[str]) -> KedjaError:
    """What to say of a key that there is not."""
    if key.startswith("-"):
        return not_a_pair(key, [key], keys)
    return KedjaError(f"unknown key {key!r}", near_key(key, keys))


def near_key(key: str, keys: list[str]) -> str:
    """``did you mean 'optim.lr'?``, also for `lr` alone; where nothing is near and keys are many, where they stand."""
    parts = [one for one in keys if one.rpartition(".")[2] == key and one != key]
    if parts:
        return f"did you mean {' or '.join(map(repr, parts[:3]))}?"
    # Among many keys one is always a little like what was typed.
    hint = nearest(key, keys, cutoff=0.5 if len(keys) < MANY else 0.7)
    return hint if len(hint) <= LONGEST_LIST else "`--help` lists the keys"


def convert(key: str, text: str, kind: Any) -> Any:
    """The value of `text` as `kind`: str, int, float, bool, Path, Literal, `X | None`, or list[X] (comma-separated)."""
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if text.lower() in ("none", "null", "") and type(None) in parameters:
            return None
        return convert(key, text, next(p for p in parameters if p is not type(None)))
    if origin is Literal:
        matching = [choice for choice in parameters if str(choice) == text]
        if not matching:
            raise KedjaError(f"{key}={text} is not a choice", nearest(text, [str(c) for c in parameters]))
        return matching[0]
    if origin in (list, tuple):
        return origin(convert(key, part.strip(), parameters[0]) for part in text.split(",") if part.strip())
    if kind is bool:
        if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise KedjaError(f"{key}={text} is not true or false", f"{key}=true or {key}=false")
        return text.lower() in ("true", "yes", "1")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            noun = "a whole number" if kind is int else "a number"
            raise KedjaError(f"{key}={text} is not {noun}", f"for example {key}={kind(1)}") from None
    if kind is Path:
        return home_known(key, text)
    return text


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
