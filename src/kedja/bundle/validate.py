"""Is `metadata.json` of the declared types, in range, and consistent with itself? Judged before anything else reads it.

A bundle comes from elsewhere: a wrong value is named here with its place, and never met later as an exception of
whatever library stumbles over it.
"""

import math
import re
import types
import typing
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from kedja.common.errors import KedjaError

if TYPE_CHECKING:
    from kedja.bundle.metadata import Metadata

MAX_DEPTH = 32
_VERSION = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_types(value: Any, kind: Any, where: str = "metadata") -> None:
    """Refuse a JSON value that is not of the annotated type, to its depths.

    Args:
        kind: a dataclass or an annotation made of dataclasses, str, int, float, bool, Any, Literal, unions, lists and
            dicts. A whole number is a float too; true is no number; every number is finite, every text is Unicode.
        where: the place of the value, for the message.

    Raises:
        KedjaError: names the place.
    """
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        _check_fields(value, typing.cast("type", kind), where)
    elif origin is list:
        _require(isinstance(value, list), where, "a list")
        for position, entry in enumerate(value):
            check_types(entry, parameters[0], f"{where}[{position}]")
    elif origin is dict:
        _require(isinstance(value, dict), where, "an object")
        for key, entry in value.items():
            check_types(key, str, f"a key of {where}")
            check_types(entry, parameters[1], f"{where}.{_short(key)}")
    elif origin in (types.UnionType, typing.Union):
        if value is not None or type(None) not in parameters:
            check_types(value, next(one for one in parameters if one is not type(None)), where)
    elif origin is typing.Literal:
        # Whether it is one of the choices, the class says itself, with the nearest one.
        check_types(value, type(parameters[0]), where)
    elif kind is Any:
        _check_any(value, where)
    else:
        _check_plain(value, kind, where)


def check_metadata(metadata: "Metadata") -> None:
    """Refuse values that have the right type and no meaning: ranges, and references from one field to another.

    Raises:
        KedjaError: names the first.
    """
    _check_texts(metadata)
    _check_ranges(metadata)
    for name, digest in metadata.files.items():
        parts = name.split("/")
        if not _DIGEST.fullmatch(digest) or {"", ".", ".."} & set(parts) or "\\" in name or not name.isprintable():
            raise KedjaError(f"files names {_short(name)} → {_short(digest)}, which is no plain path with a SHA-256")
    used = [golden.file for golden in metadata.golden] + [variant.file for variant in metadata.variants.values()]
    if unlisted := [name for name in used if name not in metadata.files]:
        raise KedjaError(f"{_short(unlisted[0])} is used and not among the listed files: nothing vouches for it")
    for position, golden in enumerate(metadata.golden):
        where = f"golden[{position}]"
        _within(f"{where}.label", golden.label, 0, len(metadata.classes) - 1)
        for name, values in (("logits", golden.logits), ("probabilities", golden.probabilities)):
            if len(values) != len(metadata.classes):
                raise KedjaError(f"golden example {golden.file} does not have {len(metadata.classes)} values ({name})")
        # float32 probabilities of many classes add up to 1 within a thousandth.
        if not (min(golden.probabilities) >= 0 and abs(sum(golden.probabilities) - 1) <= 1e-3):
            raise KedjaError(f"{where}.probabilities are no probabilities: they do not add up to 1")


def _check_texts(metadata: "Metadata") -> None:
    if not metadata.name or not metadata.name.isprintable():
        raise KedjaError(f"name {_short(metadata.name)} is empty or holds control characters")
    if not _VERSION.fullmatch(metadata.version):
        raise KedjaError(f"version {_short(metadata.version)} is not twelve hexadecimal digits")
    if "" in metadata.classes:
        raise KedjaError("a class name is empty")


def _check_ranges(metadata: "Metadata") -> None:
    if metadata.temperature is not None:
        _within("temperature", metadata.temperature, 1e-6, 1e6)
    for name, variant in metadata.variants.items():
        for share in ("accuracy", "reference_accuracy", "agreement", "tolerance"):
            _within(f"variants.{name}.{share}", getattr(variant, share), 0, 1)
        _within(f"variants.{name}.images", variant.images, 0, math.inf)


def _check_fields(value: Any, kind: type, where: str) -> None:
    _require(isinstance(value, dict), where, "an object")
    hints = typing.get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    if unknown := sorted(set(value) - set(known)):
        raise KedjaError(
            f"{where} has the unknown fields {_short(', '.join(unknown))}", "use the matching release of kedja"
        )
    needed = [n for n, one in known.items() if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in value]:
        raise KedjaError(f"{where} lacks {', '.join(missing)}", "export again with `just export`")
    for name, entry in value.items():
        check_types(entry, hints[name], name if where == "metadata" else f"{where}.{name}")


def _check_plain(value: Any, kind: Any, where: str) -> None:
    if kind is float:
        _require(_is_number(value), where, "a finite number")
    elif kind is int:
        _require(isinstance(value, int) and not isinstance(value, bool), where, "a whole number")
    elif kind is bool:
        _require(isinstance(value, bool), where, "true or false")
    elif kind is str:
        _require(isinstance(value, str), where, "a string")
        _require(_is_unicode(value), where, "a string in Unicode")


def _check_any(value: Any, where: str) -> None:
    """Without recursion: the depth is what is in question."""
    level: Iterable[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
            else:
                _require(not isinstance(one, float) or math.isfinite(one), where, "finite")
                _require(not isinstance(one, str) or _is_unicode(one), where, "a string in Unicode")
        if not below:
            return
        level = below
    raise KedjaError(f"{where} is nested more than {MAX_DEPTH} deep")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300


def _is_unicode(text: str) -> bool:
    # JSON can spell half a surrogate pair, which nothing can send on.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _within(where: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise KedjaError(f"{where}={value} is not from {low} to {high}")


def _require(right: bool, where: str, what: str) -> None:
    if not right:
        raise KedjaError(f"{where} is not {what}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}…")
