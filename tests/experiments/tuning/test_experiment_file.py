import shutil
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.tuning.experiment_file import save
from kedja.training.config import compose as config
from kedja.training.config.schema import flat


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(config.CONF, tmp_path / "conf")
    monkeypatch.setattr(config, "CONF", tmp_path / "conf")
    return tmp_path / "conf"


@pytest.mark.parametrize("base", ["default", "adamw-ema", "resnet9", "mobilenet", "plain"])
def test_the_file_says_what_the_overrides_said(conf: Path, base: str) -> None:
    overrides = [f"experiment={base}", "optim.lr=0.0123", "augment.flip=random", "model.dropout=0.25"]
    path = save(conf, "found", overrides, "a test")
    written, meant = (flat(config.compose(one)) for one in (["experiment=found"], overrides))
    assert {**written, "experiment": ""} == {**meant, "experiment": ""}
    assert path.read_text().startswith("# @package _global_\n# Found by `just tune`")


def test_groups_replace_those_of_the_base(conf: Path) -> None:
    overrides = ["experiment=adamw-ema", "optim=sgd", "model=resnet9", "optim.lr=0.2"]
    save(conf, "found", overrides, "a test")
    assert flat(config.compose(["experiment=found"])) == {
        **flat(config.compose(overrides)),
        "experiment": "found",
    }


def test_a_file_written_by_hand_stays(conf: Path) -> None:
    with pytest.raises(KedjaError, match="by hand"):
        save(conf, "resnet9", ["optim.lr=0.1"], "a test")
    save(conf, "found", ["optim.lr=0.1"], "first")
    save(conf, "found", ["optim.lr=0.2"], "again")
    assert config.compose(["experiment=found"]).optim.lr == 0.2


@pytest.mark.parametrize("name", ["../victim", "../../victim", "/tmp/victim", "a/../../victim"])
def test_a_name_that_leads_out_of_the_folder(conf: Path, name: str) -> None:
    before = sorted(conf.parent.rglob("*"))
    with pytest.raises(KedjaError, match="no plain name"):
        save(conf, name, ["experiment=default"], "")
    assert sorted(conf.parent.rglob("*")) == before


def test_a_setting_that_asks_for_the_environment(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    with pytest.raises(KedjaError, match="is not allowed"):
        save(conf, "found", ["tracker_project=${oc.env:SECRET}"], "")
