import shutil
from dataclasses import asdict

import pytest

from kedja.common.errors import KedjaError
from kedja.common.files import write_json
from kedja.runs.write import write_config
from kedja.training.config import compose as module
from kedja.training.config.compose import compose, files_of, from_json
from kedja.training.config.run_folder import data_folder
from kedja.training.config.schema import trackers


@pytest.mark.parametrize("experiment", files_of("experiment"))
def test_every_experiment_composes(experiment):
    assert compose([f"experiment={experiment}"]).experiment == experiment


def test_an_override_wins_over_the_experiment():
    config = compose(["experiment=debug", "epochs=7", "model=resnet9", "optim.lr=0.3"])
    assert (config.epochs, config.model.name, config.optim.lr) == (7, "resnet9", 0.3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lrr=1", "did you mean 'optim.lr'?"),
        ("epoch=1", "did you mean 'epochs'?"),
        ("model=resnet", "did you mean 'resnet9'?"),
        ("experiment=debugg", "did you mean 'debug'?"),
        ("optim.lr=fast", "optim.lr"),
        ("epochs=1.5", "epochs"),
        ("optim.name=sdg", "did you mean 'sgd'?"),
        ("seed", "is not of the form key=value"),
        ("--epochs", "write epochs=…"),
        ("epochs=abc", "epochs=abc is not a whole number"),
        ("optim.lr=fast", "optim.lr=fast is not a number"),
        ("lr=0.1", "did you mean 'optim.lr'?"),
        ("nope=1", "`--help` lists the keys"),
        ("epochs=0", "epochs=0 is out of range"),
        ("loss.label_smoothing=1.5", "it lies between 0 and 1"),
        ("optim.lr=nan", "optim.lr=nan is out of range"),
        ("find_lr=true", "`just find-lr`"),
        ("overfit=true", "`just overfit`"),
        ("optim.vector_lr=1", "optim=sgd has no vector_lr; it has lr, momentum, weight_decay"),
        ("schedule.drop=0.5", "schedule=onecycle has no drop"),
        ("loss.gamma=1", "loss=cross_entropy has no gamma"),
        ("model.pretrained=true", "model=cnn has no pretrained"),
        ("data.name=../../victim", "data='../../victim' is no plain name"),
        ("data.name=/etc", "is no plain name"),
        ("tracker_project=${oc.env:HOME}", "is not allowed"),
        ("data.name=${oc.env:USER}", "is not allowed"),
        ("tracker_project=${oc.decode:'1'}", "is not allowed"),
    ],
)
def test_mistakes_name_the_nearest_key(override, message):
    with pytest.raises(KedjaError) as error:
        compose([override])
    assert message in str(error.value)


def test_a_stored_configuration_comes_back(tmp_path):
    config = compose(["experiment=mobilenet", "seed=4", "optim.lr=0.25"])
    write_config(tmp_path, asdict(config))
    assert from_json(tmp_path / "config.json") == config


def test_a_stored_configuration_of_another_version_is_refused(tmp_path):
    write_json(tmp_path / "config.json", {"optim": {"rate": 1}})
    with pytest.raises(KedjaError, match="unknown key 'rate'"):
        from_json(tmp_path / "config.json")


def test_texts_with_commas_are_texts():
    config = compose(["finetune.freeze=0,1", "tracker=tensorboard,mlflow"])
    assert config.finetune.freeze == "0,1"
    assert trackers(config) == ["tensorboard", "mlflow"]
    assert trackers(compose(["tracker=none"])) == []


@pytest.mark.parametrize("text", ["${oc.env:SECRET}", "a ${oc.env:SECRET} b", "${ oc.env : SECRET}", "${a:${b:c}}"])
def test_a_configuration_file_that_asks_for_the_environment(tmp_path, monkeypatch, text):
    """An experiment that a colleague sent: what it read would be stored in config.json and sent by a tracker."""
    monkeypatch.setenv("SECRET", "hunter2")
    shutil.copytree(module.CONF, tmp_path / "conf")
    monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    lines = f"# @package _global_\ntracker_project: '{text}'\n"
    (tmp_path / "conf/experiment/colleague.yaml").write_text(lines)
    with pytest.raises(KedjaError, match="is not allowed") as error:
        compose(["experiment=colleague"])
    assert "hunter2" not in str(error.value)


def test_a_run_whose_data_lies_elsewhere(tmp_path):
    write_config(tmp_path, asdict(compose(["experiment=debug"])))
    config = from_json(tmp_path / "config.json")
    config.data.name = "../../victim"
    with pytest.raises(KedjaError, match="is no plain name"):
        data_folder(config)
