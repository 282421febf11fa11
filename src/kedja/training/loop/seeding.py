"""Where every random number of a run comes from, so that a run can be repeated and continued to the bit."""

import hashlib
import os
import random

import numpy as np
import torch

from kedja.common.cpus import available

# Images of up to this many pixels are trained with one thread unless told otherwise.
ONE_THREAD_PIXELS = 16 * 16


def seed_for(*parts: object) -> int:
    """A 63-bit seed of its own for every use, for example `seed_for(seed, "order", epoch)`.

    Seeds that are derived from what is being done need no state to be saved: order and augmentation
    of any step come out the same whether or not the run was interrupted before it.
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(device: torch.device | str, *parts: object) -> torch.Generator:
    """A generator on `device`, seeded with `seed_for(*parts)`."""
    return torch.Generator(device).manual_seed(seed_for(*parts))


def seed_everything(seed: int) -> None:
    """Python, NumPy and torch on every device: for initial weights."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 -- other people's code may draw from it
    torch.manual_seed(seed)


def seed_step(device: torch.device, *parts: object) -> None:
    """The generators that layers draw from on `device`, seeded with `seed_for(*parts)`.

    `torch.manual_seed` also queues the seed for every kind of device that is not there, with a traceback each: 0.7 ms.
    """
    seed = seed_for(*parts)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def set_threads(wanted: int, pixels: int) -> int:
    """Set torch's CPU threads, which decide the order of sums and so the last bits; returns how many.

    Args:
        wanted: how many; 0 chooses: all cores (or OMP_NUM_THREADS), but one for small images, whose
            layers are too little work to share.
        pixels: height times width of the images.
    """
    usable = int(os.environ.get("OMP_NUM_THREADS", "0")) or available()
    threads = wanted or (1 if pixels <= ONE_THREAD_PIXELS else usable)
    torch.set_num_threads(threads)
    return threads
