"""The C library's allocator, told to keep what is freed: the next image or training step asks for the same again."""

import ctypes
import platform

# Of mallopt(3); glibc only.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_MOST = 2**31 - 1
_GROW_BY = 64 * 2**20


def keep_freed_memory() -> bool:
    """Take large blocks from the heap and never hand them back; False where the C library is not glibc.

    By default glibc maps each large block anew, and the kernel clears all its pages at their first touch: a tenth to
    a sixth of a training step on a CPU, a quarter of the time that a photograph takes to decode (docs/LOG.md).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: _GROW_BY}
    return all(libc.mallopt(name, value) == 1 for name, value in settings.items())
