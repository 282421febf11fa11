"""Weights from files: a run's, safetensors, or what torch.save and the trainers of others wrote. No code is run."""

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.runs.folder import BEST, CHECKPOINT
from kedja.training.loop.checkpoint import is_ours, load_checkpoint

Weights = dict[str, Tensor]

ALONE = 'save the weights alone where the model is at hand: torch.save(model.state_dict(), "weights.pt")'
# What trainers call the network's state, the best first; another dictionary of tensors is taken if it is the only one.
_NAMED = ("best_weights", "state_dict", "model_state_dict", "model", "network", "net", "module", "weights")
_OPTIMISER = ("optim", "sched", "scaler")
_DEPTH = 3
# Plain data that lies beside the weights: the arguments of a script, a mean of numpy's (of its versions 1 and 2).
_SCALAR = np.float64(0).__reduce__()[0]
_PLAIN: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *{type(np.dtype(kind)) for kind in "bBhHiIlLqQefd?"},
]


def read_weights(path: Path) -> Weights:
    """Name → tensor, of a run (its best weights), a safetensors file, or a file of torch.save.

    Raises:
        KedjaError: there is no such file, it cannot be read without running code, it holds no dictionary of tensors, or
            several of which none is known to be the network's.
    """
    if path.is_dir() and not (path / BEST).exists() and (path / CHECKPOINT).exists():
        raise KedjaError(f"model.init_from={path} is an unfinished run", "finish it, or give its last.ckpt")
    file = path / BEST if path.is_dir() else path
    if not file.exists():
        raise KedjaError(
            f"model.init_from={path} does not exist (looked at {file.absolute()})",
            "give a run's folder or a file of weights",
        )
    state = _read(file)
    found = _network_of(state, file) if isinstance(state, dict) else None
    if not found:
        what = f"a {type(state).__name__}" if not isinstance(state, dict) else "no dictionary of tensors"
        raise KedjaError(f"{file} holds {what}, not the weights of a network", ALONE)
    return found


def _read(file: Path) -> Any:
    with file.open("rb") as opened:
        head = opened.read(512)
    if why := _no_weights(head):
        raise KedjaError(f"{file} holds no weights: it {why}", "get the file again, and look at its size")
    if is_ours(head):
        return load_checkpoint(file)
    try:
        # Whatever the file is called: both kinds are seen under the names of the other.
        if head[8:9] == b"{":
            from safetensors.torch import load

            return load(file.read_bytes())
        with torch.serialization.safe_globals(_PLAIN):
            return torch.load(  # noqa: TID251 -- weights only
                io.BytesIO(file.read_bytes()), map_location="cpu", weights_only=True
            )
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- torch and safetensors raise many types for what they do not take
        raise KedjaError(f"{file} cannot be read as weights alone: {_why(file, head, error)}", ALONE) from None


def _no_weights(head: bytes) -> str:
    """What the file is instead, where its beginning shows that."""
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if not head:
        return "is empty"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, as a download that needs a login gives"
    if text.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS (`git lfs pull` gets the file)"
    return ""


def _why(file: Path, head: bytes, error: Exception) -> str:
    if head.startswith(b"PK") and not zipfile.is_zipfile(file):
        return "it is cut off"
    text = str(error).strip() or type(error).__name__
    if "weights_only" in text.lower() or "Unsupported global" in text or "Unsupported operand" in text:
        needs = text.partition("Unsupported global: GLOBAL ")[2].partition(" ")[0]
        return f"it holds code or objects{f' ({needs})' if needs else ''}, which are not loaded"
    return text.splitlines()[0][:200]


def _network_of(state: dict[Any, Any], file: Path) -> Weights:
    """The dictionary of tensors that is the network's."""
    found = dict(_states(state, "", _DEPTH))
    if "" in found:
        return found[""]
    for name in _NAMED:
        for path, weights in found.items():
            if path.split(".")[-1] == name:
                return weights
    others = {path: weights for path, weights in found.items() if not any(word in path.lower() for word in _OPTIMISER)}
    if len(others) > 1:
        raise KedjaError(
            f"{file} holds several networks: {', '.join(others)}",
            f'save one of them alone: torch.save(torch.load("{file.name}")["{next(iter(others))}"], "weights.pt")',
        )
    return next(iter(others.values()), {})


def _states(value: dict[Any, Any], path: str, depth: int) -> Iterator[tuple[str, Weights]]:
    """Dictionaries of named tensors, outer ones first."""
    tensors = {name: item for name, item in value.items() if isinstance(name, str) and isinstance(item, Tensor)}
    inner = {name: item for name, item in value.items() if isinstance(name, str) and isinstance(item, dict)}
    # `{"loss": tensor, "model": {...}}`: a lone number is no network.
    if any(tensor.ndim for tensor in tensors.values()) and not any(name in _NAMED for name in inner):
        yield path, tensors
    elif depth:
        for name, item in inner.items():
            yield from _states(item, f"{path}.{name}".lstrip("."), depth - 1)
