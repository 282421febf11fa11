"""Lines that people read on 80 columns."""

import os
import pty
import subprocess
import sys

import pytest

from kedja.common import terminal
from kedja.common.terminal import align, folded

PRINTING = """
from kedja.common.terminal import fold_output
fold_output()
print("a sentence that is so long that a terminal of eighty columns would break one of its words in two")
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("one two three four five six", ["one two three four", "  five six"]),
        ("  one two three four five", ["  one two three four", "    five"]),
        ("see /a/path/that/is/longer/than/any/line", ["see /a/path/that/is/longer/than/any/line"]),
    ],
)
def test_lines_are_folded_between_words_and_paths_left_alone(line: str, lines: list[str]) -> None:
    assert folded(line, 20).split("\n") == lines


def test_a_line_of_columns_goes_on_below_its_last_one() -> None:
    text = folded("    just main    the digits, or whatever else there is to be trained on", 50)
    assert text.split("\n") == ["    just main    the digits, or whatever else", " " * 17 + "there is to be trained on"]


def test_a_table_fits_the_terminal_and_is_whole_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["epochs=int", "20", "passes over the training split, of which each sees every image once"]]
    assert len(align(["key", "default", "meaning"], rows)) == 2
    monkeypatch.setattr(terminal, "width", lambda: 60)
    lines = align(["key", "default", "meaning"], rows)
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()).endswith(rows[0][2])


def test_a_terminal_gets_no_broken_word() -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run(["stty", "cols", "80"], stdin=slave, check=True)
    with subprocess.Popen([sys.executable, "-c", PRINTING], stdout=slave, env=environment) as process:
        os.close(slave)
        assert process.wait(60) == 0
        shown = os.read(master, 4096).decode().split("\r\n")
    os.close(master)
    assert shown[0].endswith("would break one of")
    assert shown[1] == "  its words in two"
