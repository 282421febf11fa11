import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest


def packages_of(clone):
    return {
        path.name.split("-")[0].lower() for path in (clone / ".venv").glob("lib/python3*/site-packages/*.dist-info")
    }


def record_of(clone):
    return json.loads((clone / ".venv" / "kedja-environment.json").read_text())


@pytest.fixture
def installed(clone, script):
    done = script(clone, "sync_env.py", "groups=serve")
    assert done.returncode == 0, done.stderr
    return clone


def test_serving_alone_holds_no_training(installed):
    assert {"fastapi", "onnxruntime", "kedja"} <= packages_of(installed)
    assert not {"torch", "pandas", "scikit_learn", "dvc"} & packages_of(installed)
    python = installed / ".venv" / "bin" / "python"
    where = subprocess.run([python, "-c", "import kedja; print(kedja.__path__[0])"], capture_output=True, text=True)
    assert where.stdout.strip() == str(installed / "src" / "kedja")


def test_the_second_time_nothing_is_done_and_the_choice_is_kept(installed, script):
    before = (installed / ".venv" / "kedja-environment.json").stat().st_mtime_ns
    done = script(installed, "sync_env.py", PATH="/usr/bin:/bin")  # without uv: it is not even asked
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stderr
    assert "groups serve" in done.stderr
    assert script(installed, "sync_env.py", "quiet=true").stderr == ""
    assert (installed / ".venv" / "kedja-environment.json").stat().st_mtime_ns == before


def test_a_removed_package_comes_back_when_the_lock_changes(installed, script):
    (package,) = (installed / ".venv").glob("lib/python3*/site-packages/msgspec-*.dist-info")
    subprocess.run(["rm", "-r", package], check=True)
    with (installed / "uv.lock").open("a") as lock:
        lock.write("# changed\n")
    assert script(installed, "sync_env.py").returncode == 0
    assert "msgspec" in packages_of(installed)


def test_a_killed_installation_heals(clone, script):
    command = [Path(sys.base_prefix) / "bin" / "python3", clone / "scripts" / "sync_env.py", "groups=serve"]
    environment = {**os.environ, "UV_OFFLINE": "1", "UV_LINK_MODE": "copy", "TMPDIR": str(clone.parent)}
    process = subprocess.Popen(command, cwd=clone, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and len(packages_of(clone)) < 3:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    assert record_of(clone)["state"] == "installing", "it was killed too late for this test to say anything"
    done = script(clone, "sync_env.py")
    assert done.returncode == 0, done.stderr
    assert "interrupted" in done.stderr
    assert record_of(clone)["state"] == "ready"
    assert record_of(clone)["groups"] == ["serve"]
    assert {"fastapi", "onnxruntime", "kedja"} <= packages_of(clone)


def test_a_clone_that_was_moved_repairs_itself(installed, script):
    (installed.parent / "another place").mkdir()
    moved = installed.rename(installed.parent / "another place" / "kedja")
    done = script(moved, "sync_env.py", "quiet=true")
    assert done.returncode == 0, done.stderr
    assert "was moved" in done.stderr
    assert record_of(moved)["groups"] == ["serve"]
    answer = subprocess.run([moved / ".venv" / "bin" / "uvicorn", "--version"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    where = subprocess.run(
        [moved / ".venv/bin/python", "-c", "import kedja; print(kedja.__path__[0])"], capture_output=True
    )
    assert where.stdout.decode().strip() == str(moved / "src" / "kedja")
    assert script(moved, "sync_env.py", "quiet=true").stderr == ""


def test_two_at_once_install_once(clone, script):
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: script(clone, "sync_env.py", "groups=serve"), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert sorted("up to date" in done.stderr for done in both) == [False, True]
    assert {"fastapi", "onnxruntime", "kedja"} <= packages_of(clone)


def test_a_wrong_hash_is_refused(clone, script):
    lock = (clone / "uv.lock").read_text()
    start = lock.index('[[package]]\nname = "msgspec"')
    end = lock.index("[[package]]", start + 1)
    wrong = re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", lock[start:end])
    (clone / "uv.lock").write_text(lock[:start] + wrong + lock[end:])
    done = script(clone, "sync_env.py", "groups=serve")
    assert done.returncode == 1
    assert "uv pip failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert record_of(clone)["state"] == "installing"


def test_a_build_that_is_not_to_be_had_changes_nothing(clone, script):
    done = script(clone, "sync_env.py", "groups=train", "torch=cu126")
    assert done.returncode == 1
    assert "torch=locked" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_asked_for_and_not_there_is_no_other_one(clone, script):
    done = script(clone, "sync_env.py", "groups=serve", UV_PYTHON="3.99")
    assert done.returncode == 1
    assert "3.99" in done.stderr
    assert not (clone / ".venv").exists()


def test_the_python_that_was_asked_for_is_kept(clone, script):
    asked = str(Path(sys.base_prefix) / "bin" / "python3")
    assert script(clone, "sync_env.py", "groups=serve", UV_PYTHON=asked).returncode == 0
    assert record_of(clone)["python"] == asked
    assert "up to date" in script(clone, "sync_env.py").stderr


@pytest.mark.parametrize(
    ("argument", "hint"), [("groups=sevre", "serve"), ("torch=gpu", "cu126"), ("grups=serve", "groups")]
)
def test_a_mistake_is_one_message(clone, script, argument, hint):
    done = script(clone, "sync_env.py", argument)
    assert done.returncode == 1
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_keys(clone, script):
    done = script(clone, "sync_env.py", "--help")
    assert done.returncode == 0
    assert "groups=" in done.stdout
    assert "torch=" in done.stdout
