"""The C library's allocator, told to keep what is freed, where the next step asks for the same again, or not to."""

import ctypes
import platform

# Of mallopt(3); glibc only.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_MOST = 2**31 - 1
_GROW_BY = 64 * 2**20
# Of a decoder: blocks from here on are the kernel's again when they are freed, and of smaller ones this much is kept.
_LARGE, _KEPT = 4 * 2**20, 16 * 2**20


def keep_freed_memory() -> bool:
    """Take large blocks from the heap and never hand them back; False where the C library is not glibc.

    By default glibc maps each large block anew, and the kernel clears all its pages at their first touch: a tenth to
    a sixth of a training step on a CPU, a quarter of the time that a photograph takes to decode (docs/LOG.md).
    """
    return _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: _GROW_BY})


def give_large_blocks_back() -> bool:
    """Hand back each large block when it is freed; False where the C library is not glibc.

    By default glibc keeps blocks of up to 32 MB once one of that size was freed: a decoder that was sent large bodies
    holds memory that nothing counts. Not for who decodes photographs all the time, which takes a tenth longer with it.
    """
    return _set({_MMAP_THRESHOLD: _LARGE, _TRIM_THRESHOLD: _KEPT})


def _set(settings: dict[int, int]) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return all(libc.mallopt(name, value) == 1 for name, value in settings.items())
