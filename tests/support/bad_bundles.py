"""Bundles that somebody made by hand: whole by their checksums, and wrong in one thing."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedja.bundle.metadata import METADATA, MODEL_CARD
from kedja.bundle.reference import REFERENCE
from kedja.common.files import sha256

Spoil = Callable[[Path, dict[str, Any]], None]


def forge(bundle: Path, spoil: Spoil, *, sealed: bool = True) -> None:
    """Change files and metadata of a bundle; `sealed`: as one who knows how the version is made."""
    path = bundle / METADATA
    value = json.loads(path.read_text())
    listed = dict(value["files"])
    spoil(bundle, value)
    if isinstance(value.get("files"), dict):
        for name in set(listed) & set(value["files"]):
            if (bundle / name).is_file() and value["files"][name] == listed[name]:
                value["files"][name] = sha256(bundle / name)
    if sealed:
        text = json.dumps({**value, "version": ""}, sort_keys=True, ensure_ascii=False)
        value["version"] = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
    path.write_text(value.pop("raw", None) or json.dumps(value))


def put(*keys: Any, to: Any) -> Spoil:
    """Set one value, however deep."""

    def spoil(bundle: Path, value: dict[str, Any]) -> None:
        place: Any = value
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return spoil


def drift(**changes: Any) -> Spoil:
    """Change the histogram of the predicted classes in `drift.json`."""

    def spoil(bundle: Path, value: dict[str, Any]) -> None:
        reference = json.loads((bundle / REFERENCE).read_text())
        histogram = next(one for one in reference["features"] if one["name"] == "class")
        histogram.update(changes)
        (bundle / REFERENCE).write_text(json.dumps(reference))

    return spoil


def card_in_latin_1(bundle: Path, value: dict[str, Any]) -> None:
    (bundle / MODEL_CARD).write_bytes("Ä model".encode("latin-1"))


def sample_that_is_no_image(bundle: Path, value: dict[str, Any]) -> None:
    (bundle / value["golden"][0]["file"]).write_bytes(b"no image")


def golden_file_not_listed(bundle: Path, value: dict[str, Any]) -> None:
    del value["files"][value["golden"][0]["file"]]


def golden_file_outside(bundle: Path, value: dict[str, Any]) -> None:
    (bundle.parent / "outside.png").write_bytes((bundle / value["golden"][0]["file"]).read_bytes())
    value["golden"][0]["file"] = "../outside.png"


def file_outside(bundle: Path, value: dict[str, Any]) -> None:
    (bundle.parent / "outside").write_bytes(b"x")
    value["files"]["../outside"] = sha256(bundle.parent / "outside")


def reversed_golden(bundle: Path, value: dict[str, Any]) -> None:
    value["golden"][0]["probabilities"].reverse()


def raw(text: str) -> Spoil:
    """Another `metadata.json` altogether."""
    return put("raw", to=text)


def larger(name: str, size: int = 60_000_000) -> Spoil:
    """A file with nothing behind it but its size, of which a disk keeps nothing."""

    def spoil(bundle: Path, value: dict[str, Any]) -> None:
        with (bundle / name).open("r+b") as file:
            file.truncate(size)

    return spoil


DEEP = "[" * 100_000 + "]" * 100_000
NESTED: Any = 1
for _ in range(500):
    NESTED = [NESTED]

# What is wrong → how; all of them checked by who also renews checksums and version.
SEALED: dict[str, Spoil] = {
    "golden logits are a text": put("golden", 0, "logits", to="0123456789"),
    "golden probabilities hold a text": put("golden", 0, "probabilities", 0, to="0.5"),
    "golden probabilities hold null": put("golden", 0, "probabilities", 0, to=None),
    "golden probabilities hold a list": put("golden", 0, "probabilities", 0, to=[0.5]),
    "golden probabilities are no probabilities": put("golden", 0, "probabilities", to=[0.5] * 10),
    "golden probabilities are not what is served": reversed_golden,
    "golden logits hold NaN": put("golden", 0, "logits", 0, to=float("nan")),
    "golden logits hold a number without end": put("golden", 0, "logits", 0, to=10**400),
    "golden label of -1": put("golden", 0, "label", to=-1),
    "golden label beyond the classes": put("golden", 0, "label", to=10),
    "golden label is a text": put("golden", 0, "label", to="3"),
    "golden label is true": put("golden", 0, "label", to=True),
    "golden file is a number": put("golden", 0, "file", to=7),
    "golden file not listed": golden_file_not_listed,
    "golden file outside": golden_file_outside,
    "golden is an object": put("golden", to={}),
    "no golden examples": put("golden", to=[]),
    "sample that is no image": sample_that_is_no_image,
    "height of 300000": put("input", "height", to=300_000),
    "height is a text": put("input", "height", to="8"),
    "height is a fraction": put("input", "height", to=8.5),
    "channels are true": put("input", "channels", to=True),
    "model card that is no UTF-8": card_in_latin_1,
    "experiment nested too deep": put("experiment", to={"a": NESTED}),
    "metadata nested too deep to parse": raw(DEEP),
    "a number of 10,000 digits": raw("1" * 10_000),
    "half a surrogate pair as class": put("classes", 0, to="\ud800"),
    "a name with control characters": put("name", to="tiny\x1b[2J"),
    "tolerance is true": put("tolerance", to=True),
    "temperature of nought": put("temperature", to=0),
    "metrics hold a text": put("metrics", to={"test_accuracy": {"value": "0.9"}}),
    "variants hold a list": put("variants", to={"int8": []}),
    "a variant that is not listed": put(
        "variants",
        to={
            "int8": {
                "file": "other.onnx",
                "accuracy": 1,
                "reference_accuracy": 1,
                "agreement": 1,
                "images": 1,
                "tolerance": 0.1,
            }
        },
    ),
    "a file outside": file_outside,
    "a digest that is none": put("files", "model.onnx", to="0"),
    "files are a list": put("files", to=["model.onnx"]),
    "drift counts classes out of range": drift(classes=[0, 1, 99], counts=[1, 2, 3]),
    "drift counts a class twice": drift(classes=[0, 0], counts=[1, 2]),
    "drift counts are texts": drift(counts=["1"]),
    "a sample of 60 MB": larger("samples/0.png"),
    "histograms of 60 MB": larger("drift.json"),
    "a model card of 60 MB": larger(MODEL_CARD),
    "metadata of 60 MB": raw(" " * 60_000_000 + "{}"),
    "schema version is a text": put("schema_version", to="2"),
}


def reverse_classes(bundle: Path, value: dict[str, Any]) -> None:
    value["classes"].reverse()


# These make a bundle that is consistent in itself, under the version of another.
SAME_VERSION: dict[str, Spoil] = {
    "class names reversed": reverse_classes,
    "another interpolation": put("input", "interpolation", to="nearest"),
    "another golden label": put("golden", 0, "label", to=9),
    "another temperature": put("temperature", to=3.0),
    "another tolerance": put("tolerance", to=0.5),
    "other metrics": put("metrics", "test_accuracy", "value", to=1.0),
}
