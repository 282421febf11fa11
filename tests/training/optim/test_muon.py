import torch

from kedja.training.config.schema import FinetuneConfig, ModelConfig, OptimConfig
from kedja.training.models.cnn import cnn
from kedja.training.optim.layer_groups import learning_rate_factors
from kedja.training.optim.muon import Muon, orthogonalise
from kedja.training.optim.optimizer import build_optimizer, set_learning_rate


def test_singular_values_come_near_each_other():
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 40), (40, 8), (16, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=generator)) * min(shape) ** 0.5)
        assert values.min() > 0.3
        assert values.max() < 1.3


def test_filters_keep_their_norm_and_others_follow_adam():
    filters, bias = (torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 4, 3, 3), (8,)))
    groups = [{"params": [filters], "orthogonal": True}, {"params": [bias]}]
    optimizer = Muon(groups, lr=0.1, momentum=0.0, betas=(0.8, 0.9))
    expected = torch.nn.Parameter(bias.detach().clone())
    reference = torch.optim.Adam([expected], lr=0.1, betas=(0.8, 0.9))
    for _ in range(3):
        filters.grad, bias.grad = torch.randn_like(filters), torch.randn(8)
        expected.grad = bias.grad.clone()
        optimizer.step()
        reference.step()
    assert abs(filters.norm() / 8**0.5 - 1) < 0.15
    torch.testing.assert_close(bias, expected)


def test_filters_are_orthogonal_and_the_last_layer_and_vectors_are_not():
    body = cnn(ModelConfig(width=0.25), 1, 10, 8)
    config = OptimConfig("muon", lr=0.2, vector_lr=0.05)
    optimizer = build_optimizer(body, learning_rate_factors(body, FinetuneConfig()), "4.3", config)
    for group in optimizer.param_groups:
        assert all((p.ndim == 4) == group["orthogonal"] for p in group["params"])
        assert group["peak_lr"] == (0.2 if group["orthogonal"] else 0.05)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(body.parameters()))
    set_learning_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.1, 0.025}
