"""Random sources: images in = images prepared + ignored + refused, with the labels and splits that they state."""

import os
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.data.audit.index import read_rejected
from kedja.data.audit.source import prepare_for_audit
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import SPLITS, load
from kedja.data.settings import Settings
from kedja.data.sources.ignored import counts_of
from kedja.data.sources.registry import open_source
from kedja.data.versions.folder_hash import facts_of
from support.random_sources import Written, anything, full_name, pack, place, tables, texts, trees

# A long search: KEDJA_FUZZ=2000.
FEW = settings(
    max_examples=int(os.environ.get("KEDJA_FUZZ", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)
KINDS = st.sampled_from(["folder", "zip", "tar.gz"])


def made(source, root, **keys):
    """Prepare; the data set, the names that were refused, with why, and those that were ignored."""
    chosen = Settings(source=str(source), on_error="skip", jobs=1, **keys)
    opened = open_source(chosen, root / ".work")
    prepare(opened, root / "made", chosen)
    data = load(root / "made")
    ignored = list(getattr(opened, "ignored", {}))
    return data, {row["id"]: row["code"] for row in read_rejected(data)}, ignored, counts_of(opened)


def check_accounts(data, refused, ignored, names, *, links=(), missing=()):
    """Every file is exactly one of prepared, refused and ignored, and nothing else is."""
    # What lies in a folder that is ignored as a whole is ignored with it; most of those are empty.
    folders = tuple(name for name in ignored if name.endswith("/"))
    inside = [name for name in names if folders and name.startswith(folders)]
    single = [name for name in ignored if name not in folders]
    every = [full_name(name, [*names, *links]) for name in [*data.ids, *refused, *single]] + inside
    assert not [name for name, times in Counter(every).items() if times > 1]
    accounted = set(every) - set(links) - set(missing)
    assert accounted == set(names), accounted ^ set(names)


def check_statements(data, written, names):
    for position, name in enumerate(data.ids):
        label, split = written.stated[full_name(name, names)]
        assert data.classes[data.labels[position]] == label
        got = SPLITS[data.splits[position]]
        # Without a validation split some training images are set aside for it.
        assert not split or got == split or (split, got) == ("train", "val")


def check(source, written, root, **keys):
    data, refused, ignored, _ = made(source, root, **keys)
    check_accounts(data, refused, ignored, list(written.files), links=written.links)
    check_statements(data, written, list(written.files))
    good = {full_name(name, list(written.files)) for name in data.ids}
    left_out = {full_name(name, list(written.files)) for name, code in refused.items() if code == "leak"}
    assert good | left_out == set(written.stated)
    if written.values:
        check_depth(data, written)


def check_depth(data, written):
    """One scale for all of them: the darker one stays the darker one."""
    assert data.spec.channels == 1
    for position, name in enumerate(data.ids):
        expected = 255 * written.values[full_name(name, list(written.files))] / 4095
        assert abs(float(data.images[position].mean()) - expected) <= 1


@FEW
@given(trees(), KINDS)
def test_trees(written, kind):
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        check(pack(written, root / "s", kind), written, root)


@FEW
@given(tables(), KINDS, st.sampled_from(["labels.csv", "labels.txt"]))
def test_tables(table, kind, name):
    written, text, keys = table
    packed = Written({**written.files, name: text})
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        source = pack(packed, root / "s", kind)
        data, refused, ignored, _ = made(source, root, index=[name], **keys)
        # The table itself is neither.
        check_accounts(data, refused, ignored, list(written.files))
        check_statements(data, written, list(written.files))


@FEW
@given(anything(), KINDS)
def test_anything_is_read_or_refused_in_words(source, kind):
    written, keys = source
    assume(not any(name.startswith(f"{other}/") for name in written.files for other in written.files))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        packed = pack(written, root / "s", kind)
        try:
            data, refused, ignored, counts = made(packed, root, **keys)
        except KedjaError as error:
            assert str(error).strip()
            return
        names = [name for name in written.files if name != "t.csv" or "index" not in keys]
        missing = {name for name, code in refused.items() if code == "unreadable"}
        check_accounts(data, refused, ignored, names, links=[*written.links, *ignored_links(ignored)], missing=missing)
        if "index" not in keys:
            for position, name in enumerate(data.ids):
                parts = [unicodedata.normalize("NFC", part) for part in full_name(name, names).split("/")[:-1]]
                assert data.classes[data.labels[position]] in parts
        # The audit of the same source counts the same.
        chosen = Settings(source=str(packed), jobs=1, **keys)
        audited = load(prepare_for_audit(chosen, root / "audited"))
        assert {reason: tuple(of) for reason, of in facts_of(audited.folder)["ignored"].items()} == counts


def ignored_links(ignored):
    return [name for name in ignored if name.rpartition("/")[2] == "link"]


@FEW
@given(texts())
def test_texts(table):
    rows, name, content = table
    assume(len({label for text, label, _ in rows if text.strip()}) > 1)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        source = place(root, name, content)
        try:
            data, refused, ignored, _ = made(source, root)
        except KedjaError as error:
            # Of a table with nothing but empty texts in training there is nothing to learn.
            assert "training" in error.problem or "one class" in error.problem, error
            return
        assert not ignored
        assert len(data) + len(refused) == len(rows)
        stated = [(" ".join(text.split()), unicodedata.normalize("NFC", label)) for text, label, _ in rows]
        numbered = {int(one): position for position, one in enumerate(data.ids)}
        order = sorted([*numbered, *(int(one) for one in refused)])
        for place_, (number, (text, label)) in enumerate(zip(order, stated, strict=True)):
            if number not in numbered:
                assert not text or refused[f"{number:07d}"] == "leak", place_
                continue
            position = numbered[number]
            assert " ".join(data.encoded(position).decode().split()) == text
            assert data.classes[data.labels[position]] == label
            got, split = SPLITS[data.splits[position]], rows[place_][2]
            assert not split or got == split or (split, got) == ("train", "val")
