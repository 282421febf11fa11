"""What a killed process left is removed, what a living one is making is not, and no foreign folder is replaced."""

import signal
import subprocess
import sys

import pytest

from kedja.common import files
from kedja.common.errors import KedjaError
from kedja.common.files import check_replaceable, replacing_directory, write_bytes
from kedja.common.names import plain_name

MAKER = """
import sys, time
from pathlib import Path
from kedja.common.files import replacing_directory
with replacing_directory(Path(sys.argv[1]), "mark") as folder:
    (folder / "mark").write_text("half")
    print("making", flush=True)
    time.sleep(600)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def maker(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", MAKER, str(tmp_path / "bundle")], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"making\n"
    yield process
    process.kill()
    process.wait(30)
    process.stdout.close()


def make(path, text):
    with replacing_directory(path, "mark") as folder:
        (folder / "mark").write_text(text)


def test_what_a_killed_one_left_is_removed_by_the_next(maker, tmp_path):
    maker.send_signal(signal.SIGKILL)
    maker.wait(30)
    assert [name for name in names(tmp_path) if name.endswith(".part")]
    make(tmp_path / "bundle", "whole")
    assert names(tmp_path) == ["bundle"]
    assert (tmp_path / "bundle/mark").read_text() == "whole"


def test_what_a_living_one_is_making_stays(maker, tmp_path):
    make(tmp_path / "bundle", "mine")
    assert len([name for name in names(tmp_path) if name.endswith(".part")]) == 1


def test_one_killed_between_two_renames_loses_nothing(tmp_path):
    """The old folder is away and the new one not yet there; the next attempt fails, and the old one is back."""
    (tmp_path / ".bundle.x.old/bundle").mkdir(parents=True)
    (tmp_path / ".bundle.x.old/bundle/mark").write_text("old")
    with pytest.raises(RuntimeError), replacing_directory(tmp_path / "bundle", "mark"):
        raise RuntimeError
    assert names(tmp_path) == ["bundle"]
    assert (tmp_path / "bundle/mark").read_text() == "old"


def test_half_written_files_of_the_dead_are_removed(tmp_path):
    (tmp_path / ".last.ckpt.abc.part").write_bytes(b"half")
    (tmp_path / ".other.ckpt.abc.part").write_bytes(b"of another file")
    write_bytes(tmp_path / "last.ckpt", b"whole")
    assert names(tmp_path) == [".other.ckpt.abc.part", "last.ckpt"]


@pytest.mark.parametrize("content", [{"photo.jpg": "x"}, {".git": "x"}])
def test_a_foreign_folder_is_never_replaced(tmp_path, content):
    victim = tmp_path / "victim"
    victim.mkdir()
    for name, text in content.items():
        (victim / name).write_text(text)
    with pytest.raises(KedjaError, match="nothing that this may replace"), replacing_directory(victim, "mark"):
        pytest.fail("nothing is to be made for it")
    assert names(tmp_path) == ["victim"]
    assert names(victim) == list(content)


def test_a_foreign_folder_that_comes_meanwhile_stays_too(tmp_path):
    with pytest.raises(KedjaError, match="may replace"), replacing_directory(tmp_path / "place", "mark"):
        write_bytes(tmp_path / "place/photo.jpg", b"x")
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["photo.jpg"]


def test_a_file_an_empty_folder_and_one_of_ours(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(KedjaError):
        check_replaceable(tmp_path / "file", "mark")
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty", "mark")
    make(tmp_path / "empty", "one")
    make(tmp_path / "empty", "two")
    assert (tmp_path / "empty/mark").read_text() == "two"


@pytest.mark.parametrize("name", ["digits", "a.b-c_9", "A" * 100])
def test_plain_names(name):
    assert plain_name("name", name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../../victim", "a/b", "a\\b", ".hidden", "-rf", "a b", "a\n", "A" * 101, "é", "a\0", None, 3],
)
def test_names_that_lead_elsewhere(name):
    with pytest.raises(KedjaError, match="no plain name"):
        plain_name("name", name)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 10_000])
def test_json_made_to_harm_is_an_error_message(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(KedjaError, match="not valid JSON"):
        files.read_json(tmp_path / "a.json")
