"""Under a limit of memory that the kernel keeps, the worst that is allowed is answered and nobody is killed."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import expensive
from kedja.bundle.inputs.image.formats import NAMES
from support.servers import Server

LIMIT = 768 * 2**20
ROOT = Path("/sys/fs/cgroup")


@pytest.fixture
def group():
    """A control group with the limit of the deployment files."""
    parent, file = (ROOT / "memory", "memory.limit_in_bytes") if (ROOT / "memory").is_dir() else (ROOT, "memory.max")
    folder = parent / f"kedja-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        try:
            (folder / file).write_text(str(LIMIT))
        except OSError as error:
            pytest.skip(f"the memory of a control group cannot be limited here: {error.strerror}")
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()


def kills(group):
    """How often the kernel ended somebody in it."""
    lines = [(group / name).read_text() for name in ("memory.events", "memory.oom_control") if (group / name).exists()]
    found = [int(line.split()[1]) for text in lines for line in text.splitlines() if line.startswith("oom_kill ")]
    return sum(found)


def test_under_a_limit_that_the_kernel_keeps(group, digits, tmp_path):
    settings = ["threads=4", "decoders=2", "deadline=4", f"formats={','.join(NAMES)}", "access_log=false"]
    server = Server(tmp_path / "log", f"bundle={digits}", *settings)
    try:
        (group / "cgroup.procs").write_text(str(server.process.pid))
        attacks = list(expensive.corpus())
        done = []

        def send(own):
            for one in own:
                with suppress(OSError):  # refused in the middle of its upload
                    server.request("POST", "/predict", one.body, Content_Type=one.content_type)
                done.append(one.name)

        # Everything twice, and always four at once.
        threads = [threading.Thread(target=send, args=[attacks[turn % 2 :: 2]]) for turn in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        assert len(done) == 2 * len(attacks)
        assert server.request("GET", "/health/ready").status == 200
        assert kills(group) == 0
        assert server.stop() == 0
    finally:
        server.end()
