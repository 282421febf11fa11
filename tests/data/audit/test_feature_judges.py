"""Labels judged by features that lie beside the data: here the pixels of real scans stand in for a network's."""

import numpy as np
import pytest

from kedja.data.audit import feature_judges
from kedja.data.audit.audit import audit
from kedja.data.features import features_folder, read_features, version_of
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import SPLITS, load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source

WRONG = np.arange(20, 1700, 60)


@pytest.fixture
def scans(digits, tmp_path):
    """The digits with some labels changed."""
    labels = digits.labels.copy()
    labels[WRONG] = (labels[WRONG] + 5) % 10
    np.savez(tmp_path / "scans.npz", images=digits.images, labels=labels)
    settings = Settings(source=str(tmp_path / "scans.npz"))
    prepare(open_source(settings, tmp_path / ".work"), tmp_path / "data" / "scans", settings)
    return load(tmp_path / "data" / "scans")


def write_features(data, network="net", parts=3):
    rows = np.flatnonzero(data.splits != SPLITS.index("test")).astype(np.int64)
    values = np.asarray(data.images)[rows].reshape(len(rows), -1).astype(np.float32)
    folder = features_folder(data) / f"{version_of(data)}-{network}"
    folder.mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(len(rows)), parts)):
        np.savez(folder / f"{number:05}.npz", rows=rows[part], features=values[part])
    return rows, values, folder


def test_planted_errors_are_found_with_few_false_alarms(scans):
    rows, _, _ = write_features(scans)
    findings = {finding.kind: finding for finding in audit(scans).findings}
    found = {int(scans.ids[group[0]]) for group in findings["label-error"].groups}
    planted = {int(scans.ids[row]) for row in rows} & set(WRONG.tolist())
    assert "a linear model on features of a pretrained network" in findings["label-error"].title
    assert len(found & planted) > 0.8 * len(planted)
    assert len(found - planted) < 0.01 * len(rows)


def test_every_example_is_judged_but_those_of_the_test_split(scans):
    rows, _, _ = write_features(scans)
    judgement = feature_judges.judge(scans)
    assert judgement is not None
    np.testing.assert_array_equal(judgement.positions, rows)
    np.testing.assert_allclose(judgement.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_features_that_are_incomplete_damaged_or_of_other_data_are_not_read(scans):
    assert read_features(scans) is None
    _, values, folder = write_features(scans)
    found = read_features(scans)
    assert found is not None
    np.testing.assert_array_equal(found[1], values)
    chunk = folder / "00001.npz"
    content = chunk.read_bytes()
    chunk.write_bytes(content[:1000])
    assert read_features(scans) is None
    chunk.unlink()
    assert read_features(scans) is None
    chunk.write_bytes(content)
    folder.rename(folder.with_name(f"00000000-{folder.name[9:]}"))
    assert read_features(scans) is None
