"""Ctrl-C, which goes to the whole process group, while workers are still starting."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
from kedja import cli
from kedja.data.preparation.pool import map_chunks

def answer(_, chunk):
    return chunk

def main(arguments):
    print("starting", flush=True)
    for _ in map_chunks(answer, None, ([1] for _ in range(10**9)), 2, print):
        pass

if __name__ == "__main__":
    cli.run_guarded(main)
"""


@pytest.mark.skipif(os.name != "posix", reason="process groups are signalled otherwise elsewhere")
@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
def test_it_ends_in_one_line_without_tracebacks_of_workers(tmp_path, seconds):
    script = tmp_path / "main.py"
    script.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout.readline() == "starting\n"
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=90)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in said
    assert said.startswith("interrupted: ")
    assert process.returncode == 130
