"""The network for rows learns, goes on from a checkpoint to the same bits, and is exported as it answers."""

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.frameworks.pytorch.rows import ROWS_NETWORK
from kedja.runs.folder import BEST, CHECKPOINT
from kedja.runs.read import read_run
from kedja.training.config.compose import compose
from kedja.training.rows import loop
from support import tables


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("rows")
    return tables.dataset(root, tables.write_table(root / "t.csv", 600))


def configured(epochs):
    return compose(["experiment=tables/network", f"epochs={epochs}", "batch_size=64", "optim.lr=0.003", "tracker=none"])


def trained(data, folder, epochs=8):
    folder.mkdir()
    ROWS_NETWORK.fit(configured(epochs), data, folder)
    return folder


def test_it_learns_and_its_graph_answers_as_it_does(data, tmp_path):
    run = trained(data, tmp_path / "run")
    assert read_run(run).validation["accuracy"] > 0.85
    assert len(read_run(run).metrics()) == 8
    (answers,) = ROWS_NETWORK.write(run, tmp_path).values()
    feed = data.read(np.arange(len(data)))
    feed["codes"][::3] = -2
    feed["numbers"][1::3] = np.nan
    logits, probabilities = answers(feed)
    assert np.abs(logits - ROWS_NETWORK.load(run)(feed)).max() < 1e-4
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-5


def test_a_run_that_was_ended_goes_on_to_the_same_bits(data, tmp_path, monkeypatch):
    whole = trained(data, tmp_path / "whole", 4)
    save = loop.save_checkpoint
    written = []

    def end_after_two(path, state):
        save(path, state)
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", end_after_two)
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "ended", 4)
    monkeypatch.undo()
    assert (tmp_path / "ended" / CHECKPOINT).is_file()
    ROWS_NETWORK.fit(configured(4), data, tmp_path / "ended")
    assert (tmp_path / "ended" / BEST).read_bytes() == (whole / BEST).read_bytes()


@pytest.mark.parametrize("name", ["iris"])
def test_numbers_alone(tmp_path, name):
    data = tables.dataset(tmp_path, tables.write_sklearn(name, tmp_path / "t.csv"), kind="table")
    run = trained(data, tmp_path / "run", 20)
    (answers,) = ROWS_NETWORK.write(run, tmp_path).values()
    feed = data.read(data.split("val"))
    assert np.abs(answers(feed)[0] - ROWS_NETWORK.load(run)(feed)).max() < 1e-4


def test_other_examples_are_refused(tmp_path):
    from kedja.data.prepared import load
    from kedja.data.versions.ensure import ensure

    with pytest.raises(KedjaError, match="rows_network takes rows of tables, not images"):
        ROWS_NETWORK.fit(configured(1), load(ensure("digits", tmp_path)), tmp_path)
