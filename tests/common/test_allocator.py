import platform
import subprocess
import sys

import pytest

from kedja.common import allocator

STEPS = """
import resource, sys
import numpy as np
from kedja.common.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(3):
    np.ones(2**23, np.float32) + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23, np.float32) + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings")
def test_memory_that_was_freed_is_not_fetched_again():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", STEPS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("kept", "default")
    }
    # Ten times two blocks of 32 MiB; the kernel counts pages, which may be large ones.
    assert faults["kept"] * 10 < faults["default"]


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
    assert not allocator.give_large_blocks_back()


BODIES = """
import sys
from kedja.common.allocator import give_large_blocks_back
if sys.argv[1] == "given":
    assert give_large_blocks_back()
def resident():
    return 4096 * int(open("/proc/self/statm").read().split()[1])
before = resident()
for size in (30, 28, 24, 20):
    block, small = b"x" * (size * 2**20), None
    # What comes after a freed block and stays keeps all before it in the heap.
    small = [b"y" * 100_000 for _ in range(20)]
    del block
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings")
def test_large_blocks_are_given_back():
    kept = {
        how: int(subprocess.run([sys.executable, "-c", BODIES, how], check=True, capture_output=True, text=True).stdout)
        for how in ("given", "default")
    }
    assert kept["given"] < 10_000_000 < kept["default"]
