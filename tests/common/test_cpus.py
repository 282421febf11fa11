import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kedja.common import cpus

AFFINITY = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, AFFINITY),
        ({"sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, AFFINITY),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "10000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, AFFINITY),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "90000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "3:cpuset:/c\n2:cpu,cpuacct:/a/b\n0::/\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "90000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        ({"sys/fs/cgroup/cpu.max": "nonsense"}, AFFINITY),
    ],
)
def test_the_smaller_of_affinity_and_quota(tmp_path, files, expected):
    for path, text in files.items():
        write(tmp_path, path, text)
    assert cpus.available(tmp_path) == expected


@pytest.fixture
def quota_of_one() -> Iterator[Path]:
    """The list of processes of a control group of its own that may use one CPU."""
    if AFFINITY == 1:
        pytest.skip("this machine has one CPU: a quota of one says nothing")
    name = f"kedja-test-{uuid.uuid4().hex[:8]}"
    first = Path("/sys/fs/cgroup/cpu")  # of the first version; the second's lies at the top
    group = first / name if first.is_dir() else Path("/sys/fs/cgroup") / name
    limits = [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "100000")]
    try:
        group.mkdir()
        for file, text in limits if first.is_dir() else [("cpu.max", "100000 100000")]:
            (group / file).write_text(text)
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group with a quota can be made here: {error}")
    yield group / "cgroup.procs"
    group.rmdir()


def test_a_real_quota_holds_and_decides_how_many_runs_go_side_by_side(quota_of_one: Path) -> None:
    code = (
        "from kedja.common.cpus import available; from kedja.experiments.launch.plan import default_jobs; "
        "print(available(), default_jobs(['device=cpu']))"
    )
    command = ["sh", "-c", 'echo $$ > "$1"; exec "$2" -c "$3"', "sh", quota_of_one, sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "1"]
