"""Models of rows learn real tables, and their graphs answer as they do on every row of the validation split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kedja.baselines import registry as baselines
from kedja.baselines.fit import run as fit
from kedja.baselines.pipeline import load as load_pipeline
from kedja.baselines.tables.rows import Rows
from kedja.baselines.tables.trees import LEAF, Trees
from kedja.bundle.inputs.table.spec import CODES, NUMBERS
from kedja.common.errors import KedjaError
from kedja.frameworks.scikit_learn import load, write
from kedja.runs.read import read_run
from support import tables
from support.public_data import PLACE, archive

LEAST = {"iris": 0.9, "wine": 0.85, "breast_cancer": 0.9, "made": 0.85}


@pytest.fixture(scope="module")
def data_of(tmp_path_factory):
    root, found = tmp_path_factory.mktemp("rows"), {}

    def prepare(name):
        if name not in found:
            made = (
                tables.write_table(root / "made.csv")
                if name == "made"
                else tables.write_sklearn(name, root / f"{name}.csv")
            )
            found[name] = tables.dataset(root / name, made, name, kind="table")
        return found[name]

    return prepare


@pytest.mark.parametrize("name", baselines.of_kind("table"))
@pytest.mark.parametrize("table", LEAST)
def test_graphs_answer_as_the_models_do_on_every_row(data_of, name, table, tmp_path):
    data = data_of(table)
    run = fit(name, data, 0, tmp_path / "runs")
    assert read_run(run).validation["accuracy"] >= LEAST[table]
    (answers,) = write(run, tmp_path).values()
    feed = data.read(np.arange(len(data)))
    strange = {key: array.copy() for key, array in feed.items()}
    if CODES in strange:
        strange[CODES][::3] = -2
        strange[CODES][1::3] = -1
    strange[NUMBERS][::2] = np.nan
    for some_feed in (feed, strange):
        logits, _ = answers(some_feed)
        assert np.array_equal(logits, load(run)(some_feed))


@pytest.mark.slow
def test_a_column_of_hundreds_of_categories(tmp_path):
    rows = [f"c{n * n % 613},{n % 7},{'ab'[(n * n % 613) % 2]}" for n in range(3000)]
    (tmp_path / "t.csv").write_text("\n".join(["c,x,label", *rows]) + "\n")
    data = tables.dataset(tmp_path / "d", tmp_path / "t.csv", kind="table")
    run = fit("rows-boosting", data, 0, tmp_path / "runs")
    (answers,) = write(run, tmp_path).values()
    feed = data.read(np.arange(len(data)))
    assert np.array_equal(answers(feed)[0], load(run)(feed))


@pytest.mark.slow
def test_adult_keeps_every_row_on_its_side(tmp_path):
    table = archive("adult-train.csv")
    data = tables.dataset(tmp_path / "d", table, columns=[str(PLACE / "adult.names")])
    run = fit("rows-boosting", data, 0, tmp_path / "runs")
    assert read_run(run).validation["accuracy"] > 0.865
    (answers,) = write(run, tmp_path).values()
    feed = data.read(data.split("val"))
    assert np.array_equal(answers(feed)[0], load(run)(feed))


def test_trees_that_boosting_grew_answer_as_scikit_learn_does(data_of):
    from sklearn.ensemble import HistGradientBoostingClassifier

    from kedja.baselines.tables.growing import Boosting

    data, rows = data_of("made"), Rows()
    train, rest = data.split("train"), data.split("val")
    x, y = rows.examples(data, train), data.labels[train]
    ours = Boosting(rows.settings(data)["numbers"], rounds=20).fit(x, y)
    theirs = HistGradientBoostingClassifier(
        max_iter=20, early_stopping=False, categorical_features=list(range(ours.numbers, x.shape[1])), random_state=0
    ).fit(ours.prepared(x), y)
    asked = rows.examples(data, rest)
    expected = theirs.predict_proba(ours.prepared(asked))
    assert np.abs(ours.predict_proba(asked) - expected).max() < 1e-12


def test_damaged_trees_are_refused(data_of, tmp_path):
    from kedja.baselines import stored_pipeline

    run = fit("rows-boosting", data_of("iris"), 0, tmp_path / "runs")
    pipeline = load_pipeline(run)
    for name, value in (("left", 10**6), ("feature", 99), ("right", 0), ("targets", 7)):
        damaged = load_pipeline(run)
        damaged.steps[0][1].trees_[name][0] = value
        content = stored_pipeline.dump(damaged)
        with pytest.raises(KedjaError, match="is damaged"):
            stored_pipeline.load(content, run, "")
    assert pipeline.steps[0][1].check_content() is None


@settings(deadline=None, max_examples=30)
@given(some.lists(some.floats(allow_nan=True, allow_infinity=False, width=64), min_size=1, max_size=20))
def test_a_number_on_a_threshold_goes_left(values):
    tree = Trees(
        *(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([0, LEAF, LEAF]), np.array([0.1, 0, 0])),
        *(np.array([1, 0, 0]), np.array([2, 0, 0]), np.array([True, False, False]), np.zeros((3, 4), np.uint64)),
        *(np.zeros(3, np.bool_), np.array([0.0, 1.0, 2.0])),
    )
    x = np.array([*values, 0.1, np.nextafter(0.1, 1)])[:, None]
    expected = np.where(np.isnan(x[:, 0]) | (x[:, 0] <= 0.1), 1.0, 2.0)
    assert tree.sums(x, 1)[:, 0].tolist() == expected.tolist()
