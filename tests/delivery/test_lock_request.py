import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with an origin of its own, a uv that finds one newer version, and a gh that writes down its calls."""
    clone, origin, programs = tmp_path / "clone", tmp_path / "origin.git", tmp_path / "programs"
    for folder in (clone / "scripts", programs):
        folder.mkdir(parents=True)
    git(tmp_path, "init", "-q", "--bare", str(origin))
    shutil.copy(ROOT / "scripts" / "lock_request.py", clone / "scripts")
    shutil.copytree(ROOT / "src" / "kedja", clone / "src" / "kedja", ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "uv.lock").write_text('version = 1\n\n[[package]]\nname = "a"\n')
    (clone / ".gitignore").write_text("__pycache__/\n")
    git(clone, "init", "-q")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "chore: begin")
    git(clone, "remote", "add", "origin", str(origin))
    for name, text in (("uv", 'cp "$KEDJA_TEST_LOCK" uv.lock'), ("gh", f'echo "$*" >>"{tmp_path}/calls"')):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("KEDJA_TEST_LOCK", str(tmp_path / "newer.lock"))
    return clone


def run(clone):
    command = [sys.executable, clone / "scripts" / "lock_request.py"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True)


def test_a_newer_lock_becomes_a_pull_request(clone, tmp_path):
    newer = 'version = 1\n\n[[package]]\nname = "a"\nsource = { registry = "https://host.example/simple" }\n'
    (tmp_path / "newer.lock").write_text(newer)
    done = run(clone)
    assert done.returncode == 0, done.stderr
    pushed = git(tmp_path / "origin.git", "show", "chore/upgrade-lock:uv.lock")
    assert 'registry = "pypi"' in pushed, "the lock is neutral"
    calls = (tmp_path / "calls").read_text()
    assert "pr create --head chore/upgrade-lock --title chore: upgrade the lock" in calls
    assert git(tmp_path / "origin.git", "log", "--format=%s", "chore/upgrade-lock").splitlines()[0] == (
        "chore: upgrade the lock"
    )


def test_nothing_newer_asks_nobody(clone, tmp_path):
    shutil.copy(clone / "uv.lock", tmp_path / "newer.lock")
    done = run(clone)
    assert done.returncode == 0, done.stderr
    assert "nothing newer" in done.stdout
    assert not (tmp_path / "calls").exists()
    assert git(tmp_path / "origin.git", "branch") == ""
