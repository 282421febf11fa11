import os
import pty
import re
import subprocess
import sys

from kedja.training.loop.progress import PlainProgress

LINE = {
    "epoch": 1,
    "step": 10,
    "train_loss": 1.0,
    "train_accuracy": 0.5,
    "val_loss": 0.9,
    "val_accuracy": 0.6,
    "images_per_second": 1000.0,
}
CODE = f"""
import time
from kedja.training.loop.progress import progress
with progress(20, 2) as shown:
    while not shown.wants_step(): time.sleep(0.01)
    shown.step(5, 1.25, 0.25, 1234.0)
    time.sleep(0.3)
    shown.epoch({LINE!r})
"""


def test_a_terminal_gets_a_bar_with_loss_accuracy_speed_and_time_left():
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=slave, stderr=slave, env=environment) as process:
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
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert process.returncode == 0
    for expected in ("5/20", "loss 1.2500", "accuracy 25.00%", "1234 images/s", "-:--:--", "validation 60.00%"):
        assert expected in text


def test_elsewhere_there_are_plain_lines_and_always_the_last(capsys):
    shown = PlainProgress(20, 2)
    for epoch in (1, 2):
        shown.epoch(LINE | {"epoch": epoch})
    printed = capsys.readouterr().out
    assert "epoch   2/2  loss 1.0000" in printed
    assert "\x1b" not in printed
