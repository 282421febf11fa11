"""Published data sets come in with arguments alone, with the facts that their authors state."""

import pytest

from kedja.data.audit.audit import audit
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support.public_data import archive

COARSE = {
    "index": ["train.txt", "val.txt"],
    "label": "3",
    "classes": "classes.csv:Coarse Class ID (int):Coarse Class Name (str)",
}
FINE = {"index": ["train.txt", "val.txt"], "classes": "classes.csv:2:1"}


@pytest.mark.slow
def test_grocery_comes_as_folders_and_as_index_files_with_both_kinds_of_label(tmp_path):
    file = archive("grocery-train-val.zip")
    made = {}
    for name, keys in {"folders": {}, "fine": FINE, "coarse": COARSE}.items():
        settings = Settings(source=str(file), size="24", **keys)
        prepare(open_source(settings, tmp_path / ".unpacked"), tmp_path / name, settings)
        made[name] = load(tmp_path / name)
        assert [len(made[name].split(split)) for split in ("train", "val", "test")] == [2640, 296, 0]
    assert [len(data.classes) for data in made.values()] == [81, 81, 43]
    assert dict(zip(made["folders"].ids, made["folders"].labels, strict=True)).keys() == set(made["fine"].ids)
    counts = made["fine"].description["counts"]
    assert (min(counts["train"].values()), max(counts["train"].values())) == (16, 70)
    assert sum(number > 0 for number in counts["val"].values()) == 60
    findings = {finding.kind for finding in audit(made["fine"], judge_labels=False).findings}
    assert not findings & {"leak", "duplicate", "conflicting-labels"}
    assert {"missing-in-val", "imbalance"} <= findings
