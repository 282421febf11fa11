"""`last.ckpt` and `best.safetensors`: written whole or not at all, read without unpickling code."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes

_MAGIC = b"kedja checkpoint, sha256 "


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Tensors, numbers, strings and containers of them, after a line with the SHA-256 of what follows."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    write_bytes(path, _MAGIC + digest.encode() + b"\n" + buffer.getbuffer())


def is_ours(head: bytes) -> bool:
    """Whether a file that begins so is one of `save_checkpoint`."""
    return head.startswith(_MAGIC)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The saved state, on the CPU. Checkpoints of earlier releases, without a digest, are read as they are.

    Raises:
        KedjaError: the file is damaged, if only by one bit, or holds anything but data.
    """
    data = path.read_bytes()
    if not data:
        raise KedjaError(f"{path} is empty, as a full disk or a power cut leaves it", "remove it to start the run anew")
    if data.startswith(_MAGIC):
        recorded, _, data = data.removeprefix(_MAGIC).partition(b"\n")
        if hashlib.sha256(data).hexdigest().encode() != recorded:
            raise KedjaError(
                f"{path} is damaged: its bytes are not those that were written", "remove it to start the run anew"
            )
    try:
        state: dict[str, Any] = torch.load(  # noqa: TID251 -- weights only
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
    except Exception as error:  # noqa: BLE001 -- torch raises many types for damaged files
        raise KedjaError(
            f"{path} cannot be read: {str(error).splitlines()[0]}", "remove it to start the run anew"
        ) from None
    return state


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """A state dictionary as safetensors."""
    from safetensors.torch import save

    write_bytes(path, save({name: value.detach().cpu().contiguous() for name, value in weights.items()}))


def load_weights(path: Path) -> dict[str, Tensor]:
    """The state dictionary of a safetensors file, on the CPU.

    Raises:
        KedjaError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise KedjaError(f"{path} does not exist", "run its training again") from None
    except SafetensorError as error:
        raise KedjaError(f"{path} is damaged: {error}", "remove the run's folder and run it again") from None
