import pytest
from torch import nn

from kedja.common.errors import KedjaError
from kedja.training.loop.devices import available_device, available_precision


def test_precision_is_chosen_by_the_device(monkeypatch):
    network = nn.Conv2d(3, 6, 3)
    for supported, expected in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda supported=supported: supported)
        assert available_precision("auto", "cuda", network) == expected
    assert available_precision("bf16", "cpu", network) == "bf16"
    with pytest.raises(KedjaError, match="precision=fp16 needs a CUDA GPU"):
        available_precision("fp16", "cpu", network)
    assert available_precision("auto", "mps", network) == "fp32"


@pytest.mark.parametrize("units", [(), ("amx_bf16",), ("avx512_bf16",)])
def test_a_cpu_takes_bf16_where_it_multiplies_it_and_the_network_gains(monkeypatch, units):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(units, True))
    for network in (nn.Conv2d(3, 6, 3), nn.Conv2d(1, 6, 3), nn.Conv2d(32, 32, 3, groups=4), nn.Linear(2, 2)):
        assert available_precision("auto", "cpu", nn.Sequential(network)) == ("bf16" if units else "fp32")
    channel_wise = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, groups=6))
    assert available_precision("auto", "cpu", channel_wise) == "fp32"


def test_a_gpu_comes_before_the_cpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert available_device("auto") == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert available_device("auto") == "cpu"
    with pytest.raises(KedjaError, match="device=cuda is not available here"):
        available_device("cuda")
