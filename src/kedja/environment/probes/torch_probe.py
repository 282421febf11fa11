"""Try PyTorch on every device: one product compared with the CPU's, and one forward and backward pass. Prints JSON."""

import json
import sys
from typing import Any


def main() -> None:
    """One record a device; the CPU's result in float64 is what the others are held against."""
    import torch

    torch.set_num_threads(1)
    devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        devices.append("mps")
    report = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "devices": [_try(torch, device) for device in devices],
    }
    json.dump(report, sys.stdout)


def _try(torch: Any, name: str) -> dict[str, Any]:
    device = torch.device(name)
    record: dict[str, Any] = {"device": name, "name": name, "memory_bytes": None}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        record |= {"name": properties.name, "memory_bytes": properties.total_memory}
    try:
        record |= {"product_error": _product_error(torch, device), "gradient_error": _gradient_error(torch, device)}
    except RuntimeError as error:
        record["error"] = str(error).splitlines()[0]
    return record


def _matrix(torch: Any) -> Any:
    """256 × 256 float32, the same everywhere."""
    return torch.randn(256, 256, generator=torch.Generator().manual_seed(0))


def _product_error(torch: Any, device: Any) -> float:
    """Largest relative difference of a matrix product from the CPU's in float64."""
    matrix = _matrix(torch)
    exact = matrix.double() @ matrix.double()
    product = (matrix.to(device) @ matrix.to(device)).cpu().double()
    return float((product - exact).abs().max() / exact.abs().max())


def _gradient_error(torch: Any, device: Any) -> float:
    """Largest relative difference of a small network's gradients, after forward and backward, from the CPU's."""
    gradients = []
    for place in ("cpu", device):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(256, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4)).to(place)
        loss = torch.nn.functional.cross_entropy(network(_matrix(torch).to(place)), torch.arange(256, device=place) % 4)
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten().cpu() for p in network.parameters()]))
    return float((gradients[1] - gradients[0]).abs().max() / gradients[0].abs().max())


if __name__ == "__main__":
    main()
