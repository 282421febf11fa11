"""Weights as other people's programs leave them; every one that is read ends in the same network."""

import argparse
import io
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.compose import compose
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.checkpoint import load_checkpoint
from kedja.training.loop.train import train
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import initialise


def body():
    torch.manual_seed(5)
    return build(ModelConfig("cnn", width=0.25), 10, ImageSpec(8, 8, 1), [0.5], [0.5]).body


def given():
    """The state of a network that nobody would get by chance."""
    return {name: torch.full_like(value, 3) for name, value in body().state_dict().items()}


def start(path):
    network, said = body(), []
    initialise(network, ModelConfig("cnn", init_from=str(path)), said.append)
    return network, "\n".join(said)


def check_all_taken(path):
    network, said = start(path)
    for value in network.state_dict().values():
        assert (value == 3).all()
    assert "tensors loaded" in said
    assert "left fresh" not in said
    return said


def optimiser_state():
    network = body()
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.zeros(2, 1, 8, 8)).sum().backward()
    optimiser.step()
    return optimiser.state_dict()


def under(prefix):
    return lambda state: {prefix + name: value for name, value in state.items()}


def beside(**more):
    return lambda state: {**more, "state_dict": state}


FORMS = {
    "alone": lambda state: state,
    "ordered": OrderedDict,
    "parameters": lambda state: {name: nn.Parameter(value, False) for name, value in state.items()},
    "state_dict": beside(epoch=3),
    "textbook": lambda state: {
        "epoch": 3,
        "model_state_dict": state,
        "optimizer_state_dict": optimiser_state(),
        "loss": torch.tensor(0.3),
    },
    "model": lambda state: {"model": state, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.9)},
    "numpy": beside(best=np.float32(0.9), count=np.int64(3)),
    "two deeper": lambda state: {"checkpoint": {"network": state}, "epoch": 3},
    "unknown name": lambda state: {"weights_of_the_day": state, "optimizer": optimiser_state()},
    "averaged beside": lambda state: {"state_dict": state, "state_dict_ema": {n: v * 0 for n, v in state.items()}},
    "half": lambda state: {n: v.half() if v.is_floating_point() else v for n, v in state.items()},
    "bfloat16": lambda state: {n: v.bfloat16() if v.is_floating_point() else v for n, v in state.items()},
    "double": lambda state: {n: v.double() if v.is_floating_point() else v for n, v in state.items()},
    "module": under("module."),
    "compiled": under("_orig_mod."),
    "Lightning": lambda state: {
        "epoch": 1,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {**under("model.")(state), "criterion.weight": torch.ones(10)},
        "hyper_parameters": {"lr": 0.1},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.9)}},
    },
    "self-supervised": lambda state: {**under("backbone.")(state), "projector.0.weight": torch.ones(4, 4)},
    "several wrappers": under("module._orig_mod.model."),
    "a name of one's own": under("our_cnn."),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".pth", ".ckpt"])
def test_the_network_is_found(tmp_path, form, suffix):
    torch.save(FORMS[form](given()), tmp_path / f"weights{suffix}")
    check_all_taken(tmp_path / f"weights{suffix}")


def test_the_prefix_that_was_taken_off_is_said(tmp_path):
    torch.save(under("module.")(given()), tmp_path / "w.pt")
    assert "without its prefix `module.`" in check_all_taken(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "name", ["w.safetensors", "w.pt", "lr=0.1 best[1], 'new' {2}.safetensors", "写真/ü.safetensors"]
)
def test_safetensors_under_any_name(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    save_file(given(), path)
    check_all_taken(path)
    assert compose([f"model.init_from={path}"]).model.init_from == str(path)


@pytest.mark.parametrize(
    "text",
    ["a b", "a=b", "a[0]", "a{b}", "it's", "back\\slash", "end\\", "\\'", "(x)", "~/w.pt", "a,b", "#1", "é", "a: b"],
)
def test_every_character_of_a_path_passes_the_configuration(text):
    assert compose([f"model.init_from={text}"]).model.init_from == text


def test_torch_under_the_name_of_safetensors(tmp_path):
    torch.save(given(), tmp_path / "w.safetensors")
    check_all_taken(tmp_path / "w.safetensors")


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_file(given(), tmp_path / "w.safetensors")
    check_all_taken("~/w.safetensors")


def test_our_own_checkpoint(workplace, debug):
    run = train(debug())
    _, said = start(run / "last.ckpt")
    assert "without its prefix `network.body.`" in said


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


UNREADABLE = {
    "empty": (b"", "is empty"),
    "cut off": (saved(given())[:3000], "is cut off"),
    "web page": (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS"),
    "whole model": (saved(nn.Linear(2, 2)), "holds code or objects"),
    "nonsense": (b"\x00\x01nonsense" * 20, "cannot be read as weights alone"),
    "list": (saved([torch.ones(2)]), "holds a list"),
    "tensor": (saved(torch.ones(2)), "holds a Tensor"),
    "no tensors": (saved({"epoch": 3}), "no dictionary of tensors"),
    "two networks": (saved({"teacher": given(), "student": given()}), "several networks: teacher, student"),
    "cut safetensors": (b"\xff\x00\x00\x00\x00\x00\x00\x00{", "cannot be read as weights alone"),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_what_cannot_be_read_is_told_in_one_way(tmp_path, case, suffix):
    data, message = UNREADABLE[case]
    path = tmp_path / f"w{suffix}"
    path.write_bytes(data)
    with pytest.raises(KedjaError, match=message) as caught:
        start(path)
    assert str(path) in caught.value.problem
    assert "remove" not in caught.value.remedy
    assert "torch.save(" in caught.value.remedy or "get the file again" in caught.value.remedy
    assert path.read_bytes() == data


def test_both_sides_are_shown_where_nothing_fits(tmp_path):
    torch.save({"elsewhere": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(KedjaError, match=r"nothing in .* fits cnn") as caught:
        start(tmp_path / "w.pt")
    assert "it holds elsewhere (2,)" in caught.value.problem
    first = next(iter(body().state_dict()))
    assert f"the network has {first} (" in caught.value.problem


def test_values_that_are_not_finite_are_refused(tmp_path):
    state = given()
    next(iter(state.values())).view(-1)[0] = torch.nan
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(KedjaError, match="not finite"):
        start(tmp_path / "w.pt")


def test_an_unfinished_run_is_named(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"")
    with pytest.raises(KedjaError, match="unfinished run"):
        start(tmp_path)


def test_an_empty_checkpoint_of_our_own_is_named(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"")
    with pytest.raises(KedjaError, match=r"last\.ckpt is empty"):
        load_checkpoint(tmp_path / "last.ckpt")
