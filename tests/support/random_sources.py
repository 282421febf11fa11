"""Random sources as people have them, well-formed or not, and what each states of every image and text."""

import csv
import io
import json
import os
import shutil
import tarfile
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from support.pictures import encode, picture

CLASSES = [
    "cat",
    "Dog",
    "caf\u00e9",
    "big cat",
    "o'hare; #1",
    "\u732b",
    "1",
    "1.0",
    "models",
    "a,b",
    "test1",
    "0",
    "=x",
]
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
    "archive.zip": b"PK\x05\x06" + bytes(18),
    "new\nline.txt": b"",
}
STEMS = ["im", "a b", "caf\u00e9", "cafe\u0301", "x,y", "v1.2", 'q"q', "\u202egnp", "%20", "#"]
# Suffix, Pillow's format, mode, options; all of them keep eight bits exactly or nearly.
FORMS = [
    (".png", "PNG", "RGB", {}),
    (".PNG", "PNG", "L", {}),
    (".png", "PNG", "RGBA", {}),
    (".png", "PNG", "LA", {}),
    (".png", "PNG", "P", {}),
    (".png", "PNG", "1", {}),
    (".bmp", "BMP", "RGB", {}),
    (".tif", "TIFF", "RGB", {}),
    (".tiff", "TIFF", "CMYK", {}),
    (".jpeg", "JPEG", "CMYK", {}),
    (".jpg", "JPEG", "L", {}),
    (".gif", "GIF", "P", {}),
    (".webp", "WEBP", "RGB", {"lossless": True}),
]
FORM = st.sampled_from(FORMS)
DEEP = [(".png", "PNG", "I;16"), (".tif", "TIFF", "I;16"), (".tif", "TIFF", "I;16B"), (".tif", "TIFF", "I")]


@dataclass
class Written:
    """Every file by its path; of good images the class and split that the source states, of deep ones the value."""

    files: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, tuple[str, str]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def image(self, name, form, label, split=""):
        suffix, kind, mode, options = form
        self.files[name + suffix] = encode(picture(len(self.files), (9, 8), mode), kind, **options)
        self.stated[name + suffix] = (unicodedata.normalize("NFC", label), split)

    def deep(self, name, form, label, value, split=""):
        suffix, kind, mode = form
        pixels = np.full((8, 9), value, np.int32 if mode == "I" else ">u2" if mode == "I;16B" else np.uint16)
        self.files[name + suffix] = encode(Image.frombytes(mode, (9, 8), pixels.tobytes()), kind)
        self.stated[name + suffix] = (unicodedata.normalize("NFC", label), split)
        self.values[name + suffix] = value


def split_of(folder):
    for word, name in (("test", "test"), ("tst", "test"), ("val", "val"), ("dev", "val"), ("tr", "train")):
        if word in folder.lower():
            return name
    return ""


@st.composite
def trees(draw):
    """Class folders with strays in them, with or without splits above and folders beside; all of it to be read."""
    written = Written()
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    layouts = [[""], ["train", "test"], ["Training", "valid", "testing"], ["trn", "dev", "tst"], ["train"]]
    splits = draw(st.sampled_from(layouts))
    wrapper = draw(st.sampled_from(["", "", "photos 2024/"]))
    is_deep = draw(st.booleans()) and draw(st.booleans())
    form = draw(st.sampled_from(DEEP))
    for split in splits:
        above = wrapper + (f"{split}/" if split else "")
        for label in classes:
            folder = above + unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), label)
            for number in range(draw(st.integers(3, 5))):
                name = split_of(split) if len(splits) > 1 else ""
                if is_deep:
                    # 12 bits, the whole of them, and every picture another one.
                    value = 4095 if not written.files else 3 + 97 * len(written.files) % 4000
                    written.deep(f"{folder}/{number}", form, label, value, name)
                else:
                    written.image(f"{folder}/{number}", draw(FORM), label, name)
            for stray in draw(st.lists(st.sampled_from(sorted(STRAYS)), max_size=3, unique=True)):
                written.files[f"{folder}/{stray}"] = STRAYS[stray]
    if len(splits) > 1 and draw(st.booleans()):
        written.files[f"{wrapper}docs/figure.png"] = encode(picture(999))
        flat = "Test/flat.png" if "test" not in splits else "more/flat.png"
        written.files[wrapper + flat] = encode(picture(998))
    if draw(st.booleans()):
        written.files["README.md"] = b"about"
    if wrapper and draw(st.booleans()):
        written.files["__MACOSX/photos 2024/._1.png"] = b"\0\5\x16\7"
    if draw(st.booleans()):
        first = next(name for name in written.stated)
        written.links[f"{first.rpartition('/')[0]}/gone.png"] = "nowhere.png"
    return written


@st.composite
def tables(draw):
    """Images in a folder and a table of them, in one of the ways that people write tables; and keys for it."""
    written, keys = Written(), {}
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    with_splits, one_hot = draw(st.booleans()), draw(st.booleans())
    with_suffix = draw(st.booleans())
    folder = draw(st.sampled_from(["p/", "p/q r/", "", "labels/"]))
    # Beside the table, inside the folder of its images, or with the folder in the path.
    shown = draw(st.sampled_from([folder, ""])) if folder == "labels/" else folder
    for number in range(draw(st.integers(8, 14))):
        label = classes[number % len(classes)]
        split = ["train", "train", "test", "val"][number // len(classes) % 4] if with_splits else ""
        form = draw(FORM)
        stem = f"{draw(st.sampled_from(STEMS))} {number}"
        written.image(folder + stem, form, label, split)
        spelling = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), shown + stem)
        path = spelling + (form[0] if with_suffix else "")
        written.rows.append((path.replace("/", draw(st.sampled_from(["/", "\\"]))), label, split))
    for stray in draw(st.lists(st.sampled_from(sorted(STRAYS)), max_size=3, unique=True)):
        written.files[f"{folder or 'p/'}{stray}"] = STRAYS[stray]
    names = draw(st.sampled_from([("filename", "species"), ("image_id", "Befund"), ("Bild", "Art"), ("", "label")]))
    header, cells = [names[0] or "path"], [[path] for path, _, _ in written.rows]
    if one_hot:
        header += classes
        ones = draw(st.sampled_from([("0", "1"), ("0.0", "1.0")]))
        cells = [
            [*row, *(ones[name == label] for name in classes)]
            for row, (_, label, _) in zip(cells, written.rows, strict=True)
        ]
    else:
        header.append(names[1])
        cells = [[*row, label] for row, (_, label, _) in zip(cells, written.rows, strict=True)]
    if with_splits:
        header.append(draw(st.sampled_from(["split", "Subset", "partition"])))
        cells = [[*row, split] for row, (_, _, split) in zip(cells, written.rows, strict=True)]
    if not one_hot and draw(st.booleans()):
        header, cells = [*header, "width"], [[*row, "9"] for row in cells]
        keys["label"] = names[1]
    return written, spelled(draw, [header, *cells]), keys


@st.composite
def texts(draw):
    """A table of texts: its rows (text, label, split), the file's name and bytes."""
    labels = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=3, unique=True))
    parts = [
        "word",
        "caf\u00e9",
        "a;b",
        "x,y",
        "t\tt",
        'say "so"',
        "two\nlines",
        "\u2028",
        "\u732b",
        "0",
        "|",
        " x",
        "\x85",
    ]
    word = st.lists(st.sampled_from(parts), max_size=4).map(" ".join)
    with_splits, rows = draw(st.booleans()), []
    for number in range(draw(st.integers(8, 16))):
        text = draw(word) if draw(st.integers(0, 3)) else f"{draw(word)} {number}"
        split = ["train", "train", "val", "test"][number % 4] if with_splits else ""
        rows.append((text, labels[number // 2 % len(labels)], split))
    kind = draw(st.sampled_from(["csv", "tsv", "jsonl", "ndjson", "json", "txt"]))
    header = ["text", draw(st.sampled_from(["label", "category", "Art"]))] + (["split"] if with_splits else [])
    order = draw(st.permutations(range(len(header))))
    if kind in ("csv", "tsv", "txt"):
        table = [[row[n] for n in order] for row in (header, *rows)]
        return rows, f"texts.{kind}", spelled(draw, table, "\t" if kind == "tsv" else None)
    entries = [{header[n]: row[n] for n in order} for row in rows]
    escape = draw(st.booleans())
    if kind == "json":
        return rows, "texts.json", json.dumps(entries, ensure_ascii=escape).encode()
    return rows, f"texts.{kind}", "\n".join(json.dumps(one, ensure_ascii=escape) for one in entries).encode()


def spelled(draw, rows, sign=None):
    """A table in some delimiter, line end, quoting and encoding."""
    buffer = io.StringIO()
    sign = sign or draw(st.sampled_from([",", ";", "|", "\t"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    csv.writer(buffer, delimiter=sign, lineterminator=end, quoting=quoting).writerows(rows)
    return buffer.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))


@st.composite
def anything(draw):
    """Files anywhere, folders of every name, perhaps a table of them with odd rows; to be read or refused."""
    words = [*CLASSES, "train", "test", "VAL", "docs", "a", "deep"]
    written = Written()
    paths = draw(st.lists(st.lists(st.sampled_from(words), max_size=4), min_size=1, max_size=12))
    for number, folders in enumerate(paths):
        above = "".join(f"{name}/" for name in folders)
        if draw(st.integers(0, 3)):
            suffix, kind, mode, options = draw(FORM)
            # Of seven kinds, so that some are alike.
            content = encode(picture(draw(st.integers(0, 7)), (9, 8), mode), kind, **options)
            written.files[f"{above}{draw(st.sampled_from(STEMS))}{number}{suffix}"] = content
        else:
            stray = draw(st.sampled_from(sorted(STRAYS)))
            written.files[above + stray] = STRAYS[stray]
    names = sorted(written.files)
    folder = names[0].rpartition("/")[0]
    if draw(st.booleans()):
        written.links[f"{folder}/link".lstrip("/")] = draw(st.sampled_from([".", "..", "nowhere", "../deep"]))
    keys = draw(st.fixed_dictionaries({}, optional={"label": st.sampled_from(["parent", "top", "path:2", "label"])}))
    if not draw(st.booleans()):
        return written, keys
    odd = ["", "nowhere.png", "C:\\data\\1.png", "../out.png", "/etc/passwd", *names]
    rows = [
        [
            draw(st.sampled_from(odd)),
            draw(st.sampled_from([*CLASSES, ""])),
            draw(st.sampled_from(["train", "test", "", "7"])),
        ]
        for _ in range(draw(st.integers(0, 8)))
    ]
    rows += [[name, CLASSES[number % 3], ""] for number, name in enumerate(names)] if draw(st.booleans()) else []
    header = draw(st.sampled_from([["path", "label", "split"], ["file", "x", "y"], ["Bild", "Art", "fold"], None]))
    written.files["t.csv"] = spelled(draw, [header, *rows] if header else rows)
    return written, {**keys, "index": ["t.csv"]}


def pack(written, folder, kind):
    """The source as a folder or an archive; links are those of a folder alone."""
    for name, data in written.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if kind == "folder":
        for name, target in written.links.items():
            (folder / name).symlink_to(target)
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


def full_name(name, names):
    """What a source calls a file, as the folder around it does: a wrapper's name may be missing in front."""
    if name in names:
        return name
    ends = [one for one in names if one.endswith(f"/{name}")]
    return ends[0] if len(ends) == 1 else name


def is_writable(name):
    """Whether this system can have such a file."""
    return os.name == "posix" or not set(name) & set('<>:"|?*\n\\')


def place(folder, name, data):
    path = Path(folder) / name
    path.write_bytes(data)
    return path
