"""CIFAR-10 to 94 % after the published recipe of airbench94 with Muon, written anew from its description.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (arXiv:2404.00498), and the record of 2024-11 of
github.com/KellerJordan/cifar10-airbench (2.59 s on an A100): batches of 2,000, 8 epochs, Muon at 0.24 with momentum 0.6
on filters of a fixed norm, SGD with Nesterov momentum 0.85 on the rest, a linear schedule, label smoothing 0.2,
alternating flips and shifts of 2 pixels, a whitening layer whose bias learns for 3 epochs; half precision. Compiled
with CUDA's graphs, without the search among kernels (max-autotune) of the publication.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCH, EPOCHS, WHITENING_EPOCHS = 2000, 8, 3
MUON_LR, BIAS_LR, HEAD_LR = 0.24, 0.053, 0.67
DECAY = 2e-6 * BATCH


@dataclass(frozen=True)
class Result:
    """Attributes:
    accuracy, averaged: validation accuracy as it is, and averaged over mirrored and shifted views (its own figure).
    """

    seconds: float
    accuracy: float
    averaged: float


class Unit(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, pool: bool) -> None:
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        nn.init.dirac_(convolution.weight.data[:inputs])
        norm = nn.BatchNorm2d(outputs, eps=1e-12, momentum=0.4)
        norm.weight.requires_grad_(False)
        super().__init__(convolution, *([nn.MaxPool2d(2)] if pool else []), norm, nn.GELU())


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        assert self.whiten.bias is not None
        nn.init.zeros_(self.whiten.bias)
        widths = [24, 64, 256, 256]
        stages = [unit for a, b in pairwise(widths) for unit in (Unit(a, b, True), Unit(b, b, False))]
        self.body = nn.Sequential(nn.GELU(), *stages, nn.MaxPool2d(3), nn.Flatten())
        self.head = nn.Linear(256, 10, bias=False)
        self.head.weight.data /= self.head.weight.data.std()

    def forward(self, x: Tensor, learn_bias: bool = True) -> Tensor:
        bias = self.whiten.bias
        assert bias is not None
        bias = bias if learn_bias else bias.detach()
        return self.head(self.body(F.conv2d(x, self.whiten.weight, bias))) / 256

    @torch.no_grad()
    def fit_whitening(self, images: Tensor) -> None:
        patches = F.unfold(images.float(), 2).transpose(1, 2).reshape(-1, 12)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (vectors.T / (values + 5e-4).sqrt()[:, None]).view(-1, 3, 2, 2)
        self.whiten.weight.copy_(torch.cat([filters, -filters]))


def orthogonalised(matrix: Tensor) -> Tensor:
    x = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x


class Racer:
    """The network and its compiled parts, which further runs use again."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.dtype = device, torch.float16 if device.type == "cuda" else torch.float32
        torch.backends.cudnn.benchmark = True
        self.network = Network().to(device)
        for layer in self.network.modules():
            if not list(layer.children()):
                layer.float() if isinstance(layer, nn.BatchNorm2d) else layer.to(self.dtype)
        self.network.to(memory_format=torch.channels_last)
        self.turn = orthogonalised
        if device.type == "cuda":
            self.network.compile(mode="reduce-overhead")
            self.turn = torch.compile(orthogonalised)

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        torch.manual_seed(seed)
        for name, value in Network().state_dict().items():
            self.network.state_dict()[name].copy_(value)


def train(racer: Racer, images: tuple[Tensor, Tensor, Tensor, Tensor], seed: int, epochs: int = EPOCHS) -> Result:
    """One run; the time holds all but the evaluation.

    Args:
        images: uint8 (N, 32, 32, 3) and int64 (N,) to train on, then those to validate on; all lie on the device.
    """
    pixels, labels, val_pixels, val_labels = images
    device, half, network = racer.device, racer.dtype, racer.network
    racer.reset(seed)
    _wait(device)
    started = time.perf_counter()
    normal = _normalised(pixels, half)
    network.fit_whitening(normal[:5000])
    filters = [p for p in network.parameters() if p.ndim == 4 and p.requires_grad]
    biases = [m.bias for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    groups = [
        {"params": [network.whiten.bias], "lr": BIAS_LR, "weight_decay": DECAY / BIAS_LR, "first": BIAS_LR},
        {"params": biases, "lr": BIAS_LR, "weight_decay": DECAY / BIAS_LR, "first": BIAS_LR},
        {"params": [network.head.weight], "lr": HEAD_LR, "weight_decay": DECAY / HEAD_LR, "first": HEAD_LR},
    ]
    sgd = torch.optim.SGD(groups, momentum=0.85, nesterov=True, fused=True)
    momenta = [torch.zeros_like(p) for p in filters]
    mirrored = torch.where((torch.rand(len(normal), device=device) < 0.5).view(-1, 1, 1, 1), normal.flip(-1), normal)
    padded = F.pad(mirrored, (2, 2, 2, 2), "reflect")
    batches = max(1, len(normal) // BATCH)
    steps, step = epochs * batches, 0
    for epoch in range(epochs):
        network.train()
        shifted = _shifted(padded)
        shifted = shifted.flip(-1) if epoch % 2 else shifted
        order = torch.randperm(len(normal), device=device)
        for number in range(batches):
            chosen = order[number * BATCH : (number + 1) * BATCH]
            learns = step < WHITENING_EPOCHS * batches
            logits = network(shifted[chosen], learns)
            F.cross_entropy(logits, labels[chosen], label_smoothing=0.2, reduction="sum").backward()
            for index, group in enumerate(sgd.param_groups):
                end = WHITENING_EPOCHS * batches if index == 0 else steps
                group["lr"] = group["first"] * max(0.0, 1 - step / end)
            sgd.step()
            _muon(filters, momenta, MUON_LR * (1 - step / steps), racer.turn)
            network.zero_grad(set_to_none=True)
            step += 1
    _wait(device)
    seconds = time.perf_counter() - started
    return Result(seconds, *_evaluate(network, _normalised(val_pixels, half), val_labels))


@torch.no_grad()
def _muon(filters: list[nn.Parameter], momenta: list[Tensor], lr: float, turn: Callable[[Tensor], Tensor]) -> None:
    for filter_, momentum in zip(filters, momenta, strict=True):
        assert filter_.grad is not None
        momentum.mul_(0.6).add_(filter_.grad)
        update = filter_.grad.add(momentum, alpha=0.6)
        filter_.mul_(len(filter_) ** 0.5 / filter_.norm())
        filter_.add_(turn(update.reshape(len(update), -1)).view(update.shape), alpha=-lr)


@torch.no_grad()
def _evaluate(network: Network, images: Tensor, labels: Tensor) -> tuple[float, float]:
    network.eval()

    def answers(views: Tensor) -> Tensor:
        return torch.cat([(network(part) + network(part.flip(-1))) / 2 for part in views.split(BATCH)])

    plain = torch.cat([network(part) for part in images.split(BATCH)])
    padded = F.pad(images, (1, 1, 1, 1), "reflect")
    shifted = (answers(padded[:, :, :32, :32]) + answers(padded[:, :, 2:34, 2:34])) / 2
    averaged = (answers(images) + shifted) / 2
    right = [(logits.argmax(1) == labels).double().mean().item() for logits in (plain, averaged)]
    return right[0], right[1]


def _normalised(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    mean, std = (torch.tensor(v, device=pixels.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    scaled = (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
    return scaled.to(dtype).contiguous(memory_format=torch.channels_last)


def _shifted(padded: Tensor) -> Tensor:
    """Each image's own 32×32 cut of the padded one."""
    count = len(padded)
    offsets = torch.randint(5, (2, count, 1), device=padded.device)
    line = torch.arange(32, device=padded.device)
    rows, columns = (offsets[0] + line)[:, :, None], (offsets[1] + line)[:, None, :]
    image = torch.arange(count, device=padded.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


assert math.isclose(DECAY, 0.004)
