"""Names of files that command a terminal or a spreadsheet."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.data.audit.index import read_rejected
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support.pictures import write_pictures

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/prepare_data.py"
FORMULA = "=cmd|' C calc'!A0.png"
ESCAPE = "\x1b]0;owned\x07.png"


@pytest.fixture
def photos(tmp_path):
    write_pictures(tmp_path / "photos", {"cat": 20, "dog": 20})
    # A relative path begins with the class: a formula there has the folder's name.
    (tmp_path / "photos/=1+1").mkdir()
    (tmp_path / "photos/=1+1" / FORMULA).write_bytes(b"broken")
    write_pictures(tmp_path / "photos", {"=1+1": 20})
    return tmp_path / "photos"


def test_a_formula_is_a_text_in_the_table_for_people(photos, tmp_path):
    settings = Settings(source=str(photos), on_error="skip")
    prepare(open_source(settings, tmp_path / ".source"), tmp_path / "set", settings)
    with (tmp_path / "set/rejected.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'=1+1/{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    # What the project reads back is what the name was, and the index for programs is exact.
    (row,) = read_rejected(load(tmp_path / "set"))
    assert (row["id"], row["class"]) == (f"=1+1/{FORMULA}", "=1+1")
    assert "=1+1/0.png" in load(tmp_path / "set").ids


def test_a_terminal_is_told_nothing_by_a_name(photos, tmp_path):
    (photos / "cat" / ESCAPE).write_bytes(b"broken")
    (photos / "\x1b[31mred").mkdir()
    write_pictures(photos, {"\x1b[31mred": 20})
    command = [sys.executable, str(SCRIPT), f"source={photos}", "name=odd"]
    for more, status in (([], 1), (["on_error=skip"], 0)):
        result = subprocess.run([*command, *more], check=False, capture_output=True, cwd=tmp_path)
        assert result.returncode == status, result.stderr.decode()
        assert b"\x1b" not in result.stdout + result.stderr
        assert b"\x07" not in result.stdout + result.stderr
        assert rb"x1b]0;owned\x07" in result.stderr or not status
