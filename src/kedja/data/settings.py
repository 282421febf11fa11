"""What can be asked of data preparation: the keys of `just data`, their defaults and meaning."""

import codecs
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from kedja.bundle.inputs.image.spec import Interpolation
from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError
from kedja.common.options import option

Resize = Literal["auto", "crop", "pad", "stretch"]
Storage = Literal["auto", "arrays", "files"]
NearDuplicates = Literal["report", "group", "drop"]
Shoots = Literal["record", "look", "ignore"]
Leaks = Literal["drop", "keep"]
OnError = Literal["fail", "skip"]

# These do not change what is made, or name a place on this machine: they stay out of `dataset.json`.
_OF_THE_MACHINE = ("source", "jobs")


@dataclass
class Settings:
    """One source and how it is prepared."""

    source: str = option(
        "",
        "digits, a folder, an archive, an index file, an .npz, texts in CSV or JSON, rows in CSV or Parquet, "
        "torchvision:<Name>",
        metavar="where",
        no_paths=("digits", "torchvision:"),
    )
    kind: str = option("", "what an example is, if that cannot be told", ("", "image", "text", "table"))
    label: str = option(
        "", "folders: parent, top or path:<n>; index files and .npz: a column or array", metavar="which"
    )
    index: list[str] = option(
        [], "index files inside the source: labels.csv or train:a.txt,val:b.txt", metavar="file,…"
    )
    path: str = option("", "index files: the column with the path", metavar="column")
    text: str = option("", "texts: the column that holds them, where it has another name", metavar="column")
    tokenizer: str = option(
        "",
        "texts: minilm (the embedded one), own (made from them), a tokenizer.json, or its folder",
        metavar="which",
        no_paths=("minilm", "own"),
    )
    length: int = option(0, "texts: tokens that are read of each; 0: chosen from the texts", within=(0, 100_000))
    columns: list[str] = option(
        [],
        "tables of rows: what columns are, as age:number:years,zip:category,when:date,note:text,nr:identifier; all of "
        "them in order, or a .names file, where there is no header",
        metavar="name:type,…",
    )
    missing: list[str] = option(
        [], "tables of rows: cells that say that nothing is known (default: ?, NA, N/A, NaN, null)", metavar="word,…"
    )
    split: str = option(
        "", "index files and tables: the column with the split; time:<column> splits rows by time", metavar="column"
    )
    group: str = option("", "index files: images with the same value stay on one side", metavar="column")
    classes: str = option("", "table of class names: file:id column:name column", metavar="file:id:name")
    encoding: str = option(
        "", "of tables, and of names in archives, that are no UTF-8: cp1252, cp932, …", metavar="name"
    )
    size: str = option(
        "", "side in pixels, or height×width as 96x128; chosen from the images by default", metavar="pixels"
    )
    channels: int | None = option(None, "1 (grey) or 3 (colour); chosen from the images by default")
    resize: Resize = option("auto", "how an image of another shape is fitted; chosen from the images by default")
    interpolation: Interpolation = option("bilinear", "resampling filter")
    bits: int | None = option(
        None,
        "of images of more than eight: 12 makes 4095 white, 1 is for floats 0…1; chosen from the images by default",
    )
    storage: Storage = option("auto", "pixel arrays, or the encoded originals; auto goes by the total size")
    fractions: list[float] = option([0.7, 0.15, 0.15], "shares of train, val and test where the source has no splits")
    seed: int = option(0, "of the splits")
    near_duplicates: NearDuplicates = option("report", "similar images: say so, keep on one side, or keep one only")
    shoots: Shoots = option(
        "record", "photographs taken in one go stay on one side: by time and name; by how they look too; no"
    )
    leaks: Leaks = option("drop", "a training image that is also in another given split: leave out, or keep")
    on_error: OnError = option("fail", "an image that cannot be read: stop, or leave out")
    max_pixels: int = option(100_000_000, "larger images are refused")
    licence: str = option("", "of the images, for the model card")
    jobs: int = option(0, "processes; 0: one per core")

    def __post_init__(self) -> None:
        if len(self.fractions) != 3 or min(self.fractions) < 0 or self.fractions[0] <= 0:
            raise KedjaError(
                f"fractions={','.join(map(str, self.fractions))} are not three shares for train, val and test",
                "for example fractions=0.7,0.15,0.15",
            )
        if self.jobs < 0:
            raise KedjaError(f"jobs={self.jobs} is below zero", "jobs=0 takes one process per core")
        if self.bits is not None and not 1 <= self.bits <= 32:
            raise KedjaError(f"bits={self.bits} is not from 1 to 32", "for example bits=12 where 4095 is white")
        try:
            codecs.lookup(self.encoding or "utf-8")
        except LookupError:
            raise KedjaError(f"encoding={self.encoding} is not known", "for example encoding=cp1252") from None
        self.side()

    def side(self) -> tuple[int, int] | None:
        """(height, width) that was asked for, None where none was."""
        if not self.size:
            return None
        parts = self.size.lower().replace("×", "x").split("x")
        if len(parts) > 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
            raise KedjaError(f"size={self.size} is no size", "for example size=64 or size=96x128 (height×width)")
        return int(parts[0]), int(parts[-1])

    def recorded(self) -> dict[str, Any]:
        """What goes into `dataset.json`: the settings that differ from the defaults and shape the result."""
        return {key: value for key, value in self.differences().items() if key not in _OF_THE_MACHINE}

    def differences(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        default = Settings()
        values = {f.name: getattr(self, f.name) for f in fields(Settings)}
        return {key: value for key, value in values.items() if value != getattr(default, key)}


def from_differences(values: dict[str, Any], origin: Path) -> Settings:
    """The inverse of `Settings.differences`, for settings that were read from `origin`."""
    try:
        check_types(values, Settings, "settings")
        return Settings(**values)
    except KedjaError as error:
        raise KedjaError(f"{origin}: the settings {str(values)[:200]} are not valid: {error.problem}") from None
