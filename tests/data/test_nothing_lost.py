"""Random sources: images in = images prepared + ignored + refused, with the labels and splits that they state."""

import csv
import io
import shutil
import tarfile
import tempfile
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedja.data.audit.index import read_rejected
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import SPLITS, load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support.pictures import encode, picture

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
CLASSES = ["cat", "Dog", "caf\u00e9", "big cat", "o'hare; #1", "\u732b", "1", "1.0", "models", "a,b", "test1"]
STRAYS = {
    "notes.txt": b"notes",
    "raw.CR2": b"raw",
    ".hidden.png": b"hidden",
    "Thumbs.db": b"thumbs",
    "empty.png": b"",
    "text.JPG": b"no image",
    "cut.png": encode(picture(0))[:60],
    "phone.HEIC": b"\0\0\0\x18ftypheic" + bytes(20),
    "\u00fcber\u0301.json": b"{}",
}
STEMS = ["im", "a b", "caf\u00e9", "cafe\u0301", "x,y", "v1.2", 'q"q']
FORMS = st.sampled_from([(".png", "PNG"), (".PNG", "PNG"), (".bmp", "BMP"), (".tif", "TIFF"), (".webp", "WEBP")])


@dataclass
class Written:
    """Every file by its path; of good images the class and split that the source states."""

    files: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, tuple[str, str]] = field(default_factory=dict)

    def image(self, name, form, label, split=""):
        self.files[name] = encode(
            picture(len(self.files), (9, 8)), form, **({"lossless": True} if form == "WEBP" else {})
        )
        self.stated[name] = (unicodedata.normalize("NFC", label), split)


@st.composite
def trees(draw):
    """Class folders with strays in them, with or without splits above and folders beside."""
    written = Written()
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    splits = draw(st.sampled_from([[""], ["train", "test"], ["Training", "valid", "testing"]]))
    for split in splits:
        above = f"{split}/" if split else ""
        for label in classes:
            form = draw(st.sampled_from(["NFC", "NFD"]))
            folder = above + unicodedata.normalize(form, label)
            for number in range(draw(st.integers(3, 5))):
                suffix, kind = draw(FORMS)
                name = "test" if "test" in split else "val" if "val" in split else "train" if split else ""
                written.image(f"{folder}/{number}{suffix}", kind, label, name)
            for stray in draw(st.lists(st.sampled_from(sorted(STRAYS)), max_size=3, unique=True)):
                written.files[f"{folder}/{stray}"] = STRAYS[stray]
    if splits != [""] and draw(st.booleans()):
        written.files["docs/figure.png"] = encode(picture(999))
        written.files["Test/flat.png" if "test" not in splits else "more/flat.png"] = encode(picture(998))
    if draw(st.booleans()):
        written.files["README.md"] = b"about"
    return written


def pack(written, folder, kind):
    """The source as a folder or an archive."""
    for name, data in written.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if kind == "folder":
        return folder
    archive = folder.with_name(f"packed.{kind}")
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in written.files:
                opened.write(folder / name, name)
    else:
        with tarfile.open(archive, "w:gz") as opened:
            opened.add(folder, ".")
    shutil.rmtree(folder)
    return archive


def check(source, written, root, **keys):
    """Prepare, and hold every file against what became of it."""
    chosen = Settings(source=str(source), on_error="skip", jobs=1, **keys)
    opened = open_source(chosen, root / ".work")
    prepare(opened, root / "made", chosen)
    data = load(root / "made")
    prepared, refused = set(data.ids), {row["id"] for row in read_rejected(data)}
    ignored = {name for name in opened.ignored if not name.endswith("/")}  # type: ignore[attr-defined]
    assert len(prepared) + len(refused) + len(ignored) == len(prepared | refused | ignored)
    assert prepared | refused | ignored == set(written.files)
    assert prepared == set(written.stated)
    for position, name in enumerate(data.ids):
        label, split = written.stated[name]
        assert data.classes[data.labels[position]] == label
        got = SPLITS[data.splits[position]]
        # Without a validation split some training images are set aside for it.
        assert not split or got == split or (split, got) == ("train", "val")
    return data


@FEW
@given(trees(), st.sampled_from(["folder", "zip", "tar.gz"]))
def test_trees(written, kind):
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        check(pack(written, root / "s", kind), written, root)


@st.composite
def tables(draw):
    """Images in a folder and a table of them, in one of the ways that people write tables; and keys for it."""
    written, rows, keys = Written(), [], {}
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    with_splits, one_hot = draw(st.booleans()), draw(st.booleans())
    with_suffix = draw(st.booleans())
    for number in range(draw(st.integers(8, 14))):
        label = classes[number % len(classes)]
        split = ["train", "train", "test", "val"][number // len(classes) % 4] if with_splits else ""
        suffix, kind = draw(FORMS)
        stem = f"p/{draw(st.sampled_from(STEMS))} {number}"
        written.image(stem + suffix, kind, label, split)
        path = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), stem + (suffix if with_suffix else ""))
        rows.append((path.replace("/", draw(st.sampled_from(["/", "\\"]))), label, split))
    for stray in draw(st.lists(st.sampled_from(sorted(STRAYS)), max_size=3, unique=True)):
        written.files[f"p/{stray}"] = STRAYS[stray]
    names = draw(st.sampled_from([("filename", "species"), ("image_id", "Befund"), ("Bild", "Art")]))
    header, cells = [names[0]], [[path] for path, _, _ in rows]
    if one_hot:
        header += classes
        cells = [
            [*row, *("1" if name == label else "0" for name in classes)]
            for row, (_, label, _) in zip(cells, rows, strict=True)
        ]
    else:
        header.append(names[1])
        cells = [[*row, label] for row, (_, label, _) in zip(cells, rows, strict=True)]
    if with_splits:
        header.append(draw(st.sampled_from(["split", "Subset", "partition"])))
        cells = [[*row, split] for row, (_, _, split) in zip(cells, rows, strict=True)]
    if not one_hot and draw(st.booleans()):
        header, cells = [*header, "width"], [[*row, "9"] for row in cells]
        keys["label"] = names[1]
    buffer = io.StringIO()
    sign = draw(st.sampled_from([",", ";", "|", "\t"]))
    csv.writer(buffer, delimiter=sign, lineterminator=draw(st.sampled_from(["\n", "\r\n"]))).writerows([header, *cells])
    return written, buffer.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))), keys


@FEW
@given(tables(), st.sampled_from(["folder", "zip", "tar.gz"]), st.sampled_from(["labels.csv", "labels.txt"]))
def test_tables(table, kind, name):
    written, text, keys = table
    packed = Written({**written.files, name: text})
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        check(pack(packed, root / "s", kind), written, root, index=[name], **keys)
