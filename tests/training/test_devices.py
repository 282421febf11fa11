import pytest

from kedja.bundle.errors import KedjaError
from kedja.training.devices import available_device, available_precision


def test_precision_is_chosen_by_the_device(monkeypatch):
    assert available_precision("auto", "cpu") == "fp32"
    for supported, expected in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda supported=supported: supported)
        assert available_precision("auto", "cuda") == expected
    assert available_precision("bf16", "cpu") == "bf16"
    with pytest.raises(KedjaError, match="precision=fp16 needs a CUDA GPU"):
        available_precision("fp16", "cpu")


def test_a_gpu_comes_before_the_cpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert available_device("auto") == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert available_device("auto") == "cpu"
    with pytest.raises(KedjaError, match="device=cuda is not available here"):
        available_device("cuda")
