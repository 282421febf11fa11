"""Real models of real scans as judges: each image is judged by models that were trained without it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kedja.common.errors import KedjaError
from kedja.data.audit.audit import audit
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from kedja.runs.write import write_answers

SCRIPT = Path(__file__).parents[3] / "scripts" / "audit.py"
WRONG = np.arange(20, 1700, 140)
MODELS = [SVC(C=4.0), make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))]


@pytest.fixture(scope="module")
def scans(digits, tmp_path_factory):
    """The digits with some labels changed, prepared in `data/scans` below the folder."""
    root = tmp_path_factory.mktemp("scans")
    labels = digits.labels.copy()
    labels[WRONG] = (labels[WRONG] + 5) % 10
    np.savez(root / "scans.npz", images=digits.images, labels=labels)
    settings = Settings(source=str(root / "scans.npz"))
    prepare(open_source(settings, root / ".work"), root / "data" / "scans", settings)
    return load(root / "data" / "scans")


@pytest.fixture(scope="module")
def answers(scans):
    """Scores (N, classes) of each model, of folds that it was not trained on."""
    x = np.asarray(scans.images).reshape(len(scans), -1) / 255
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    # Four times their decision values are about as sure as networks are.
    return [4 * cross_val_predict(m, x, scans.labels, cv=folds, method="decision_function") for m in MODELS]


def write_run(folder, data, logits, positions, ids=None):
    folder.mkdir(parents=True)
    names = np.array([(ids or data.ids)[p] for p in positions])
    write_answers(folder, "validation", names, data.labels[positions], logits[positions])
    return folder


@pytest.fixture
def runs(scans, answers, tmp_path):
    """One run a model, each on every image."""
    everything = np.arange(len(scans))
    return [write_run(tmp_path / "runs" / f"seed{n}", scans, a, everything) for n, a in enumerate(answers)]


def suspected(data, *judges):
    (finding,) = [f for f in audit(data, judges=judges).findings if f.kind.startswith("label-error")]
    return {group[0] for group in finding.groups}, finding


def test_changed_labels_are_found(scans, runs):
    found, finding = suspected(scans, runs[0].parent)
    assert set(WRONG) <= found
    # Besides, scans that people would argue about.
    assert len(found) <= len(WRONG) + 9
    assert finding.title.startswith(
        f"{len(found)} images of 1,797 with a likely label error (2 runs that never saw them"
    )
    one, _ = suspected(scans, runs[0])
    assert found < one | found


def test_the_judges_must_agree(scans, answers, tmp_path):
    image = int(WRONG[0])
    other = answers[0].copy()
    third = (scans.labels[image] + 1) % 10
    other[image] = np.where(np.arange(10) == third, 9.0, 0.0)
    everything = np.arange(len(scans))
    runs = [write_run(tmp_path / str(n), scans, a, everything) for n, a in enumerate((answers[0], other))]
    assert image in suspected(scans, runs[0])[0]
    assert image not in suspected(scans, *runs)[0]


def test_a_run_judges_what_it_did_not_learn_from(scans, answers, tmp_path):
    validation = np.arange(300)
    found, finding = suspected(scans, write_run(tmp_path / "run", scans, answers[0], validation))
    assert set(WRONG[WRONG < 300]) <= found <= set(validation.tolist())
    assert " of 300 " in finding.title


def test_labels_and_images_may_have_changed_since(scans, answers, tmp_path):
    """Corrected labels count as they are now; images that are gone are passed over."""
    ids = [f"gone/{name}" if position % 3 == 0 else name for position, name in enumerate(scans.ids)]
    run = write_run(tmp_path / "run", scans, answers[0], np.arange(len(scans)), ids)
    found, finding = suspected(scans, run)
    assert found
    assert all(position % 3 for position in found)
    assert " of 1,198 " in finding.title


def test_runs_that_are_often_wrong_do_not_judge(scans, answers, tmp_path):
    weak = answers[0].copy()
    weak[::4] = np.roll(weak[::4], 1, axis=1)
    found, finding = suspected(scans, write_run(tmp_path / "run", scans, weak, np.arange(len(scans))))
    assert not found
    assert finding.kind == "label-errors-not-judged"
    assert "right in 74% only" in finding.title


def test_runs_on_other_data_are_refused(scans, answers, tmp_path):
    everything = np.arange(len(scans))
    strangers = write_run(tmp_path / "ids", scans, answers[0], everything, [f"x{n}" for n in everything])
    classes = write_run(tmp_path / "classes", scans, answers[0][:, :9], everything)
    shifted = write_run(tmp_path / "order", scans, answers[0], everything, [*scans.ids[1:], scans.ids[0]])
    for run in (strangers, classes, shifted):
        with pytest.raises(KedjaError, match="is a run on other data than scans"):
            audit(scans, judges=[run])


def test_a_damaged_or_missing_run_is_said(scans, tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(KedjaError, match="holds no finished run"):
        audit(scans, judges=[tmp_path / "runs"])
    for content in (b"", b"PK\3\4 cut", b"no archive"):
        (tmp_path / "runs" / "validation.npz").write_bytes(content)
        with pytest.raises(KedjaError, match="is damaged"):
            audit(scans, judges=[tmp_path / "runs"])


def test_the_command_line(scans, runs, tmp_path):
    root = scans.folder.parent.parent
    arguments = ["name=scans", f"judges={runs[0]},{runs[1]}", f"reports={tmp_path / 'reports'}"]
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "2 runs that never saw them" in done.stdout
    assert (tmp_path / "reports" / "audit-scans.html").read_text().count("data:image/png;base64,") >= len(WRONG)
