import copy

import torch

from kedja.training.config.schema import ModelConfig
from kedja.training.loop.recompute import recompute_blocks
from kedja.training.models.cnn import cnn
from kedja.training.models.registry import build


def test_gradients_and_statistics_are_those_of_plain_training():
    torch.manual_seed(0)
    plain = cnn(ModelConfig(width=0.25), 1, 10, 8)
    recomputed = copy.deepcopy(plain)
    recompute_blocks(recomputed)
    images = torch.rand(6, 1, 8, 8)
    for network in (plain, recomputed):
        network(images).square().sum().backward()
    for one, other in zip(plain.parameters(), recomputed.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    for name, value in plain.state_dict().items():
        if "num_batches" not in name:
            assert torch.equal(value, recomputed.state_dict()[name]), name


def test_fewer_activations_are_kept():
    from kedja.bundle.inputs.image.spec import ImageSpec

    kept = []
    for recompute in (False, True):
        torch.manual_seed(0)
        body = build(ModelConfig("torchvision:resnet18"), 10, ImageSpec(64, 64, 3), [0.5] * 3, [0.5] * 3).body
        if recompute:
            recompute_blocks(body)
        sizes = {}

        def remember(tensor, sizes=sizes):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
            body(torch.rand(2, 3, 64, 64))
        kept.append(sum(sizes.values()))
    assert kept[1] < 0.9 * kept[0]
