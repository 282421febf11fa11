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
