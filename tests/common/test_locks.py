"""Two processes and one lock file."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.locks import locked

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such lock")

HOLD = """
import sys
from pathlib import Path
from kedja.common.locks import locked
with locked(Path(sys.argv[1]), waiting=sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def process(path: Path, waiting: str = "") -> subprocess.Popen[str]:
    """One that takes the lock, and holds it until its standard input ends."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, str(path), waiting]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("end", ["closing", "killing"])
@pytest.mark.parametrize("waiting", ["", "somebody else is at it"])
def test_a_second_process_waits_for_the_first(tmp_path, waiting, end):
    with process(tmp_path / "here" / "lock") as first:
        assert first.stdout.readline() == "held\n"
        with process(tmp_path / "here" / "lock", waiting) as second:
            if waiting:
                assert second.stderr.readline() == f"{waiting}\n"
            else:
                with pytest.raises(subprocess.TimeoutExpired):
                    second.wait(0.5)
            first.stdin.close() if end == "closing" else first.kill()
            assert second.stdout.readline() == "held\n"
            second.stdin.close()
            assert second.wait(30) == 0
            assert second.stderr.read() == ""


def test_patience_ends_with_the_holders_name(tmp_path):
    with process(tmp_path / "lock") as first:
        assert first.stdout.readline() == "held\n"
        expected = pytest.raises(LookupError, match=f"process {first.pid} on {socket.gethostname()}")
        with expected, locked(tmp_path / "lock", patience=0, refusal=LookupError):
            pytest.fail("two had it")
        assert (tmp_path / "lock").read_text() == f"process {first.pid} on {socket.gethostname()}"
        first.stdin.close()
        assert first.wait(30) == 0
    with locked(tmp_path / "lock", patience=0, refusal=LookupError):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
