"""What the system refuses is one line with file, reason and remedy; a fault of ours asks for a report."""

import errno
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.common.refusals import refusal_of


def command(code, folder, *, limit=None, environment=None):
    """`code` as the `main` of a command, in a folder, its files limited to so many bytes."""
    lines = ["import resource", f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"] if limit else []
    program = "\n".join([*lines, "from kedja import cli", "def main(arguments):"])
    program += "\n" + textwrap.indent(textwrap.dedent(code), "    ") + "\ncli.run_guarded(main)\n"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )


def check_one_line(done, *words):
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in done.stderr


WRITE = "from pathlib import Path; from kedja.common.files import write_bytes\nwrite_bytes(Path('{}'), b'x' * 100_000)"


def test_a_full_disk(tmp_path):
    done = command(WRITE.format("made/file.bin"), tmp_path, limit=10_000)
    check_one_line(done, "File too large", "→")
    assert list((tmp_path / "made").iterdir()) == []


def test_a_device_without_room(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    check_one_line(
        command("with open('/dev/full', 'w') as file: file.write('x')", tmp_path),
        "No space left on device",
        "make room",
    )


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "made").write_text("")
    check_one_line(command(WRITE.format("made/file.bin"), tmp_path), "made", "in the way")


def test_a_folder_in_the_way_of_a_file(tmp_path):
    (tmp_path / "file.bin").mkdir()
    check_one_line(command(WRITE.format("file.bin"), tmp_path), "file.bin", "a folder is in the way")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others(tmp_path):
    tmp_path.chmod(0o500)
    try:
        check_one_line(command(WRITE.format("file.bin"), tmp_path), "Permission denied", "rights")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.EROFS, "mounted read-only"), (errno.EACCES, "rights"), (errno.ENOSPC, "room"), (errno.EMFILE, "ulimit")],
)
def test_every_reason_has_its_remedy(number, word):
    refusal = refusal_of(OSError(number, os.strerror(number), "some/file"))
    assert refusal.problem == f"some/file: {os.strerror(number)}"
    assert word in refusal.remedy


def test_a_database_without_room(tmp_path):
    code = """
    import sqlite3
    database = sqlite3.connect("state.db")
    database.execute("CREATE TABLE t (x)")
    database.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
    database.commit()
    """
    check_one_line(command(code, tmp_path, limit=20_000), "database", "room")


def test_another_programs_file_as_a_database(tmp_path):
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100)
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        database.execute("SELECT * FROM t")
    database.close()
    assert "move it away" in refusal_of(caught.value).remedy


def test_what_a_library_raised_in_its_place_is_looked_through():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "a")  # noqa: TRY301 -- as a library does
        except OSError as error:
            raise RuntimeError("saving failed") from error
    except RuntimeError as error:
        assert "make room" in refusal_of(error).remedy


def test_faults_of_ours_are_no_refusals(tmp_path):
    assert refusal_of(KeyError("x")) is None
    assert refusal_of(OSError("cannot write mode RGBA as JPEG")) is None
    assert refusal_of(sqlite3.OperationalError("no such column: x")) is None
    done = command("return {}['missing']", tmp_path)
    assert done.returncode == 1
    assert "KeyError: 'missing'" in done.stderr
    assert "Please report it" in done.stderr
    assert "error:" not in done.stderr


def test_a_message_of_ours_stays_as_it_is():
    error = KedjaError("a", "b")
    assert refusal_of(error) is error


def test_memory(tmp_path):
    check_one_line(command("raise MemoryError", tmp_path), "memory", "jobs=1")


def test_debug_shows_where(tmp_path):
    done = command("open('nowhere')", tmp_path, environment={"KEDJA_DEBUG": "1"})
    assert "Traceback" in done.stderr
    check_one_line(command("open('nowhere')", tmp_path, environment={"KEDJA_DEBUG": "0"}), "nowhere", "check the path")
