"""Nothing half-written ever stands under a final name."""

import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedja.common import files
from kedja.common.errors import KedjaError, nearest
from support.processes import wait_for


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_bytes_text_and_json_arrive_as_given(tmp_path):
    files.write_bytes(tmp_path / "new/deep/a", b"\x00\xff")
    assert (tmp_path / "new/deep/a").read_bytes() == b"\x00\xff"
    files.write_text(tmp_path / "b", "å\n")
    assert (tmp_path / "b").read_bytes() == "å\n".encode()
    files.write_json(tmp_path / "c", {"å": [1, None]})
    assert files.read_json(tmp_path / "c") == {"å": [1, None]}
    assert (tmp_path / "c").read_text(encoding="utf-8").endswith("}\n")
    assert names(tmp_path) == ["b", "c", "new"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None)  # a busy machine is no failure
@given(json_values)
def test_json_survives(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    files.write_json(path, value)
    assert files.read_json(path) == value


def test_what_is_no_json_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, 1)
    for value in (float("nan"), float("inf"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            files.write_json(path, value)
    assert files.read_json(path) == 1
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", None])
def test_json_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KedjaError, match=r"a\.json"):
        files.read_json(path)


@pytest.mark.skipif(os.name != "posix", reason="file rights are POSIX's")
def test_rights_follow_the_users_mask(tmp_path):
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "a", b"")
        with files.replacing_directory(tmp_path / "d"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o750


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "bundle"
    with files.replacing_directory(folder, "a", "c") as new:
        (new / "a").write_text("first")
    with pytest.raises(IsADirectoryError), files.replacing_directory(folder, "a", "c") as new:
        new.write_text("no file can be written over a folder")
    assert names(folder) == ["a"]
    with files.replacing_directory(folder, "a", "c") as new:
        (new / "c").write_text("third")
        assert names(folder) == ["a"]
    assert names(folder) == ["c"]
    assert names(tmp_path) == ["bundle"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, ["old"])
    code = (
        "import sys; from pathlib import Path; from kedja.common import files\n"
        "while True: files.write_json(Path(sys.argv[1]), list(range(20_000)))"
    )
    for rounds in (0, 1, 3):
        process = subprocess.Popen([sys.executable, "-c", code, path])
        assert wait_for(lambda: files.read_json(path) != ["old"])
        for _ in range(rounds):  # it writes the file anew, and is killed in the middle of it as likely as not
            before = path.stat().st_ino
            assert wait_for(lambda before=before: path.stat().st_ino != before)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert json.loads(path.read_text()) == list(range(20_000))
        files.write_json(path, ["old"])


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_nearest_name_is_offered():
    assert nearest("learning_rat", ["learning_rate", "seed"]) == "did you mean 'learning_rate'?"
    assert nearest("zzz", ["b", "a"]) == "valid: a, b"
