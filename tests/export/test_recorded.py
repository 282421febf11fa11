import shutil

import numpy as np
import pytest
from torch import nn

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.export.bundle import export
from kedja.export.recorded import check_recorded
from kedja.frameworks.framework import answering
from kedja.frameworks.registry import find
from kedja.training.models import layers


@pytest.fixture
def dataset(run):
    return load(run.parents[2] / "data" / "digits")


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "runs" / "debug-00000000" / "seed0")


def record(folder, **changes):
    with np.load(folder / "validation.npz") as arrays:
        whole = dict(arrays)
    np.savez(folder / "validation.npz", **(whole | {name: change(whole[name]) for name, change in changes.items()}))


def test_a_rebuilt_model_answers_as_after_training(run, dataset):
    assert check_recorded(run, dataset, answering(find("torch").load(run))) < 1e-4


def test_a_network_whose_definition_changed_since_is_not_exported(run, tmp_path, monkeypatch):
    class Smooth(nn.GELU):
        def __init__(self, inplace=False):
            super().__init__()

    monkeypatch.setattr(layers.nn, "ReLU", Smooth)
    with pytest.raises(KedjaError, match="does not answer as it did when its training ended: a logit differs by"):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_network_with_other_layers_is_not_exported(run, tmp_path, monkeypatch):
    monkeypatch.setattr(layers.nn, "BatchNorm2d", nn.InstanceNorm2d)
    with pytest.raises(KedjaError, match=r"best\.safetensors does not fit the network as it is defined now"):
        export(run, tmp_path / "bundle")


def test_answers_that_are_not_a_number_are_a_difference(copy, dataset):
    reference = answering(find("torch").load(copy))
    record(copy, logits=lambda logits: np.where(np.arange(len(logits))[:, None] == 0, np.nan, logits))
    with pytest.raises(KedjaError, match="differs by nan"):
        check_recorded(copy, dataset, reference)


def test_a_record_of_other_images_or_classes_is_refused(copy, dataset):
    reference = answering(find("torch").load(copy))
    record(copy, ids=lambda ids: np.array([f"x{name}" for name in ids]))
    with pytest.raises(KedjaError, match=r"speaks of image 'x.*', which .* does not hold"):
        check_recorded(copy, dataset, reference)
    record(copy, logits=lambda logits: logits[:, :3])
    with pytest.raises(KedjaError, match="has not 10 answers an example"):
        check_recorded(copy, dataset, reference)
    (copy / "validation.npz").unlink()
    with pytest.raises(KedjaError, match="does not exist"):
        check_recorded(copy, dataset, reference)
