"""A network and an optimizer that are registered at run time train, with keys of their own."""

import pytest

from kedja.common.errors import KedjaError
from kedja.runs.read import read_run
from kedja.training.config.compose import compose
from kedja.training.loop.train import train
from kedja.training.models.records import MODELS, Model
from kedja.training.models.restore import load_model
from kedja.training.optim.registry import OPTIMIZERS, Optimizer


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setitem(MODELS, "toy", Model("support.toy_parts:linear", ("image_size",), drops_out=False))
    monkeypatch.setitem(OPTIMIZERS, "toy", Optimizer("support.toy_parts:signs", ("lr",)))
    return ["experiment=plain", "model.name=toy", "optim.name=toy", "optim.lr=0.01", "epochs=3"]


def test_they_train(workplace, keys) -> None:
    directory = train(compose(keys))
    run = read_run(directory)
    assert (run.model, run.parameters) == ("toy", 64 * 10 + 10)
    assert run.validation["accuracy"] > 0.8
    assert [layer.__class__.__name__ for layer in load_model(directory).body] == ["Flatten", "Linear"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "message"),
    [("optim.momentum=0.5", "optim=toy has no momentum; it has lr"), ("model.width=2", "model=toy has no width")],
)
def test_keys_that_they_do_not_have_are_refused(keys, key, message) -> None:
    with pytest.raises(KedjaError, match=message):
        compose([*keys, key])
