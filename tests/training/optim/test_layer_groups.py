import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.training.config.schema import FinetuneConfig, ModelConfig
from kedja.training.loop.checkpoint import load_checkpoint, load_weights
from kedja.training.loop.train import train
from kedja.training.models.cnn import cnn
from kedja.training.optim.layer_groups import check_freeze, learning_rate_factors

HEAD = "network.body.4.3."


def network():
    return cnn(ModelConfig(width=0.25), 1, 10, 8)


def changed(run, start):
    before, after = load_weights(start / "best.safetensors"), load_weights(run / "best.safetensors")
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_rates_grow_geometrically_to_the_last_layer():
    body = network()
    factors = learning_rate_factors(body, FinetuneConfig(first_lr=0.01))
    values = [factors[p] for p in body.parameters()]
    assert values == sorted(values)
    assert values[0] == pytest.approx(0.01)
    assert values[-1] == 1
    assert len(factors) == len(list(body.parameters()))
    assert set(learning_rate_factors(body, FinetuneConfig()).values()) == {1.0}


def test_with_a_frozen_body_the_last_layer_alone_changes(workplace, debug):
    start = train(debug("epochs=1"))
    run = train(debug(f"model.init_from={start}", "finetune=head-only", "seed=1"))
    assert changed(run, start) == {f"{HEAD}weight", f"{HEAD}bias"}


def test_named_layers_are_frozen_statistics_included(workplace, debug):
    start = train(debug("epochs=1"))
    run = train(debug(f"model.init_from={start}", "finetune.freeze='0,1'", "seed=1"))
    names = changed(run, start)
    assert names
    assert not any(name.startswith(("network.body.0.", "network.body.1.")) for name in names)


def test_head_first_then_everything(workplace, debug):
    start = train(debug("epochs=1"))
    one = train(debug(f"model.init_from={start}", "finetune.head_epochs=1", "epochs=1"))
    assert changed(one, start) == {f"{HEAD}weight", f"{HEAD}bias"}
    # Validation may find the first epoch best, so look at the last weights.
    two = train(debug(f"model.init_from={start}", "finetune.head_epochs=1", "epochs=2"))
    last = load_checkpoint(two / "last.ckpt")["learner"]["classifier"]
    assert not torch.equal(
        last["network.body.0.0.weight"], load_weights(start / "best.safetensors")["network.body.0.0.weight"]
    )


def test_a_layer_that_is_not_there_gets_its_nearest():
    with pytest.raises(KedjaError, match="no layer's name begins so"):
        check_freeze(network(), FinetuneConfig(freeze="bodi"))


def test_freezing_everything_is_refused():
    check_freeze(network(), FinetuneConfig(freeze="0, 1, 2, 3"))
    with pytest.raises(KedjaError, match="leaves no layer to learn"):
        check_freeze(network(), FinetuneConfig(freeze="0,1,2,3,4"))
