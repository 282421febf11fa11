import torch

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.optim.ema import Ema


def test_the_average_follows_weights_and_statistics():
    model = build(ModelConfig("cnn", width=0.25), 3, ImageSpec(8, 8, 1), [0.5], [0.5])
    ema = Ema(model, 0.5)
    before = {k: v.clone() for k, v in ema.module.state_dict().items()}
    model(torch.randint(256, (4, 8, 8, 1), dtype=torch.uint8))  # moves the statistics
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    ema.update()
    decay = 2 / 11  # the first step's own decay is shorter than 0.5
    for name, value in model.state_dict().items():
        expected = value if not value.is_floating_point() else decay * before[name] + (1 - decay) * value
        torch.testing.assert_close(ema.module.state_dict()[name], expected)
    assert not ema.module.training


def test_the_average_is_a_copy():
    model = build(ModelConfig("cnn", width=0.25), 3, ImageSpec(8, 8, 1), [0.5], [0.5])
    ema = Ema(model, 0.5)
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in ema.module.parameters()}
