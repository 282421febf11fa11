import pytest

from kedja.training.config.schema import FinetuneConfig, ModelConfig, OptimConfig
from kedja.training.models.cnn import cnn
from kedja.training.optim.layer_groups import learning_rate_factors
from kedja.training.optim.optimizer import build_optimizer


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_filters_decay_and_vectors_do_not(name):
    body = cnn(ModelConfig(width=0.25), 1, 10, 8)
    factors = learning_rate_factors(body, FinetuneConfig(first_lr=0.1))
    optimizer = build_optimizer(body, factors, "4.3", OptimConfig(name, weight_decay=0.3))
    for group in optimizer.param_groups:
        assert len({p.ndim > 1 for p in group["params"]}) == 1
        assert group["weight_decay"] == (0.3 if group["params"][0].ndim > 1 else 0.0)
    assert len({group["peak_lr"] for group in optimizer.param_groups}) > 4
