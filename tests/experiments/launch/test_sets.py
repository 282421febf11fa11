import numpy as np
import pytest
from PIL import Image

from kedja.data.names import DATA
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.obtain import obtain
from kedja.experiments.launch import sets
from kedja.experiments.launch.plan import Request, training_runs
from kedja.training.config.compose import CONF, compose
from kedja.training.config.experiments import experiment_names


@pytest.mark.parametrize("name", sets.sets(CONF))
def test_every_set_has_members_that_can_be_composed(name):
    found = sets.members(CONF, name)
    assert found
    assert all(compose([f"experiment={one}"]).experiment == one for one in found)
    assert "debug" not in found


def test_quick_ones_come_first_and_every_photo_experiment_has_its_place():
    assert sets.members(CONF, "photos") == [f"photos/{name}" for name in sets.ORDER["photos"]]


def test_the_digits_are_called_by_their_file_alone():
    assert {"default", "debug", "photos/probe", "cifar10/speed"} <= set(experiment_names(CONF))
    assert compose(["experiment=digits/plain"]) == compose(["experiment=plain"])


def test_a_solved_layer_runs_once_whatever_the_seeds():
    names = [run.name for run in training_runs(Request([0, 1]), ["photos/probe", "plain"])]
    assert names == ["photos/probe seed=0", "plain seed=0", "plain seed=1"]


def made(folder, side, mode):
    drawn = np.random.default_rng(side)
    for name in ("a", "b"):
        (folder / "source" / name).mkdir(parents=True)
        for number in range(5):
            shape = (side, side + 10) + ((3,) if mode == "RGB" else ())
            image = Image.fromarray(drawn.integers(256, size=shape, dtype=np.uint8), mode)
            image.save(folder / "source" / name / f"{number}.png")
    obtain("made", folder, Settings(source=str(folder / "source")))
    return load(folder / DATA / "made").stored.experiments()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize(
    ("side", "mode", "name"), [(200, "RGB", "photos"), (32, "RGB", "digits"), (200, "L", "digits")]
)
def test_large_coloured_images_are_photographs(tmp_path, side, mode, name):
    chosen, why = made(tmp_path, side, mode)
    assert chosen == name
    assert f"typically {side} pixels" in why
