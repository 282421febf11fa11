"""What people see of long work: on a terminal of 80 columns, and in a log."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from kedja.common import progress
from kedja.common.progress import Progress

COLUMNS = 80
TRAINING = """
import sys
from kedja.common.progress import Progress
with Progress("", 67_890, "", 12_345, file=sys.stdout, keep=False) as shown:
    while not shown.due: pass
    shown.advance(5, "loss 1.2500, accuracy 25.0%, 12,345 images/s")
    shown.line("epoch   1/2  validation 60.00%")
"""
PREPARING = """
from kedja.common.progress import Progress
with Progress("preparing", 1_234_567, done=1000) as shown:
    while not shown.due: pass
    shown.advance(234_567)
"""
UNKNOWN = """
from kedja.common.progress import Progress
with Progress("unpacking " + "a-long-name-" * 10 + ".tar.gz", 0, "files") as shown:
    while not shown.due: pass
    shown.advance(1)
"""
RUNS = """
import sys
from kedja.common.progress import Progress
with Progress("", 2, "runs", file=sys.stdout, keep=False) as shown:
    parts = [shown.part(f"an-experiment-with-a-rather-long-name-{seed}") for seed in (0, 1)]
    parts[0].update("epoch 12, validation 91.2%")
    while not shown.due: pass
    shown.advance()
    shown.line("[1/2] done")
    while not shown.due: pass
    parts[0].end()
"""


def on_a_terminal(code: str) -> list[str]:
    """The lines that `code` draws on a terminal of 80 columns, each state of the bar one of its own."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(COLUMNS)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # the other end has closed
                break
            if not part:
                break
            shown += part
    os.close(master)
    assert process.returncode == 0, shown.decode()
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (TRAINING, ["12,350 of 67,890, loss 1.2500, accuracy 25.0%, 12,345 images/s, ", " left", "epoch   1/2  valid"]),
        (PREPARING, ["preparing: 235,567 of 1,234,567 images, ", "/s, ", " left"]),
        (UNKNOWN, ["unpacking a-long-name-", "…: 1 files"]),
        (RUNS, ["1 of 2 runs", "name-0: epoch 12, validation 91.2%", "name-1: starting", "[1/2] done"]),
    ],
)
def test_a_terminal_of_80_columns_gets_a_bar_that_fits(code, expected):
    lines = on_a_terminal(code)
    for part in expected:
        assert any(part in line for line in lines), (part, lines)
    assert any("━" in line for line in lines), lines
    assert max(len(line.rstrip()) for line in lines) <= COLUMNS


def test_elsewhere_there_are_plain_lines_now_and_then_and_always_the_last(capsys, monkeypatch):
    with Progress("preparing", 20, done=10) as shown:
        shown.advance(5)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
        shown.advance(1, "half done")
        assert re.fullmatch(r"preparing: 16 of 20 images, half done, 0:00 left\n", capsys.readouterr().err)
        monkeypatch.setattr(progress, "PLAIN_SECONDS", 30.0)
        shown.advance(4)
    assert capsys.readouterr().err == "preparing: 20 of 20 images, half done\n"


def test_lines_that_may_be_left_out_are_but_the_first_and_last(capsys):
    with Progress("", 3, file=sys.stdout, keep=False) as shown:
        for number in (1, 2, 3):
            shown.line(f"epoch {number}", always=number == 3)
        shown.part("one of several").update("unseen")
    assert capsys.readouterr().out == "epoch 1\nepoch 3\n"


def test_the_other_processes_of_a_distributed_run_say_nothing(capsys):
    with Progress("training", 3, quiet=True) as shown:
        assert not shown.due
        shown.advance(3)
        shown.line("epoch 1")
    assert capsys.readouterr() == ("", "")


def test_work_that_fails_keeps_its_last_line_to_itself(capsys):
    with pytest.raises(OSError, match="full"), Progress("preparing", 3):
        raise OSError("full")
    assert capsys.readouterr().err == ""


def test_how_long_it_will_take_is_said_beforehand_where_it_is_long(monkeypatch):
    clock = iter(range(0, 10_000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    said = io.StringIO()
    with Progress("", 1_000, "", file=said, keep=False, announce=5) as shown:
        for _ in range(10):
            shown.advance()
    about = [line for line in said.getvalue().splitlines() if line.startswith("about ")]
    assert len(about) == 1
    assert about[0].endswith("to go, by the first 5 of 1,000 steps")


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("epoch   3/15  loss 1.25", 0.2),
        ("1,250 of 5,000, loss 1.25, 0:12 left", 0.25),
        ("preparing: 50 of 100 images", 0.5),
        ("runs/a/seed0: cnn, 65,834 parameters", None),
        ("", None),
    ],
)
def test_a_line_says_what_share_is_done(line, share):
    assert progress.share_done(line) == share
